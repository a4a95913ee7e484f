import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.RequestUtils;
import org.apache.kafka.common.requests.ResponseHeader;

/**
 * Apache Kafka's own word on what our codec must do. One line in, one line out:
 * `definition NAME` gives a message's definition in base64,
 * `frame KEY NAME VERSION JSON` gives the frame of a message, header included and size not, in hex.
 */
class OfficialFrames {
    static final int CORRELATION_ID = 7;
    static final String CLIENT_ID = "wadi";

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ", 5);
            System.out.println(words[0].equals("definition")
                ? definition(words[1])
                : frame(Integer.parseInt(words[1]), words[2], Short.parseShort(words[3]), words[4]));
        }
    }

    static String definition(String name) throws Exception {
        try (InputStream stream = Message.class.getResourceAsStream("/common/message/" + name + ".json")) {
            return Base64.getEncoder().encodeToString(stream.readAllBytes());
        }
    }

    static String frame(int key, String name, short version, String json) throws Exception {
        Message message = (Message) Class.forName("org.apache.kafka.common.message." + name + "DataJsonConverter")
            .getMethod("read", JsonNode.class, short.class)
            .invoke(null, new ObjectMapper().readTree(json), version);
        ApiKeys api = ApiKeys.forId(key);
        ByteBuffer frame;
        if (name.endsWith("Request")) {
            RequestHeader header = new RequestHeader(api, version, CLIENT_ID, CORRELATION_ID);
            frame = RequestUtils.serialize(header.data(), header.headerVersion(), message, version);
        } else {
            ResponseHeader header = new ResponseHeader(CORRELATION_ID, api.responseHeaderVersion(version));
            frame = RequestUtils.serialize(header.data(), header.headerVersion(), message, version);
        }
        byte[] bytes = new byte[frame.remaining()];
        frame.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
