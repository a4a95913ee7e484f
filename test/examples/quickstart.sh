# Wadi with nothing but curl: makes a topic, appends to it, reads it, searches it and follows it.
# Against `npm start`:  sh test/examples/quickstart.sh
# WADI_URL is where it is served.
WADI_URL=${WADI_URL:-http://127.0.0.1:8080}
set -eu

echo '# A topic, made or confirmed:'
curl -sS -X PUT "$WADI_URL/v1/topics/greetings" -d '{ "partitions": 3, "valueFormat": "json" }'

echo; echo '# One record. Its key chooses the partition:'
curl -sS "$WADI_URL/v1/topics/greetings/records" -d '{ "key": "ada", "value": { "says": "hello", "times": 1 } }'

echo; echo '# Several, all or none. The key of the request makes a repeat harmless: it gets the same answer.'
for repeat in 1 2; do
  curl -sS "$WADI_URL/v1/topics/greetings/records" -H 'Idempotency-Key: greetings-7' -H 'content-type: application/json' \
    -d '{ "records": [{ "key": "ada", "value": { "times": 2 } }, { "key": "bob", "value": { "times": 3 } }] }'
  echo
done

echo '# All of them, and "next", which goes on behind them:'
curl -sS "$WADI_URL/v1/topics/greetings/records?from=earliest"

echo; echo '# Those that matter:'
curl -sS -G "$WADI_URL/v1/topics/greetings/records" --data-urlencode 'where=value.times >= 2 && key == "bob"'

echo; echo '# The tail as it comes, for FOLLOW_SECONDS; Ctrl-C ends it:'
curl -sS -N --max-time "${FOLLOW_SECONDS:-30}" -H 'Accept: text/event-stream' \
  "$WADI_URL/v1/topics/greetings/records?from=-1" 2>/dev/null || true
