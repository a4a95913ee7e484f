import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { run } from '../../lib/bench/process.ts'
import { createTopic, kafkaJs, withAdmin } from '../support/admin.ts'
import { temporaryFolder, wadiDev } from '../support/dev-server.ts'
import { goClient, skipWithout } from '../support/tools.ts'

/** The first time, a busy machine compiles for minutes. */
const buildTimeoutMs = 280_000

describe.skipIf(skipWithout('go'))('the Go client of Confluent’s REST API', { timeout: 300_000 }, () => {
  test('makes, changes, fills and deletes a topic and sees how far a group is', async () => {
    const server = await wadiDev(['--memory'])
    const clusters: unknown = await (await fetch(`${server.httpUrl}/kafka/v3/clusters`)).json()
    const { data } = z.object({ data: z.array(z.object({ cluster_id: z.string() })) }).parse(clusters)
    const clusterId = data[0]?.cluster_id ?? ''
    await createTopic(server.bootstrap, { topic: 'read' })
    const producer = kafkaJs(server.bootstrap).producer({ allowAutoTopicCreation: false })
    await producer.connect()
    await producer.send({ topic: 'read', messages: [{ value: '1' }, { value: '2' }, { value: '3' }] })
    await producer.disconnect()
    await withAdmin(server.bootstrap, (admin) =>
      admin.setOffsets({ groupId: 'billing', topic: 'read', partitions: [{ partition: 0, offset: '1' }] }),
    )
    const program = join(temporaryFolder(), 'rest')
    // Without a C compiler, which Go takes where it finds one.
    const env = { ...process.env, CGO_ENABLED: '0' }
    const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: goClient, env, timeout: buildTimeoutMs })
    expect([built.status, built.stderr.toString()]).toEqual([0, ''])
    const { status, stdout, stderr } = await run(
      { command: program, args: [server.httpUrl, clusterId] },
      {
        timeoutMs: 30_000,
      },
    )
    expect([status, stderr.toString()]).toEqual([0, ''])
    expect(JSON.parse(stdout.toString())).toEqual({
      created: 3,
      grown: 4,
      topics: 2,
      configs: true,
      config: '2000',
      partitions: 4,
      offset: 0,
      groups: 1,
      state: 'EMPTY',
      lags: 2,
      total: 2,
      acls: [400, true],
      gone: 404,
    })
  })
})
