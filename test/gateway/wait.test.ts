import { expect, test } from 'vitest'
import { realClock } from '../../lib/clock.ts'
import { FetchWait, type FetchWaitOptions, pricedCalls } from '../../lib/gateway/wait.ts'
import { readResponse } from '../../lib/protocol/header.ts'
import { Fetch } from '../../lib/protocol/messages/fetch.ts'
import { fetchFrame, tinyBroker } from './tiny-broker.ts'

type Asked = Parameters<typeof fetchFrame>[2]

/** A Fetch of topic `t` under way; time stands still unless it is moved. */
const fetching = (asked: Asked, pollMs = 1_000_000, more: Partial<FetchWaitOptions> = {}) => {
  const tiny = tinyBroker()
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>()
  let nowMs = 0
  let wasAsked = 0
  const timer = {
    now: () => nowMs,
    sleep: (ms: number, wake?: AbortSignal) =>
      new Promise<void>((resolve) => {
        const sleeper = { untilMs: nowMs + ms, wake: resolve }
        sleepers.add(sleeper)
        const end = (): void => {
          sleepers.delete(sleeper)
          resolve()
        }
        if (wake?.aborted) end()
        wake?.addEventListener('abort', end)
      }),
  }
  const release = new AbortController()
  const wait = new FetchWait({ timer, watch: tiny.watch, pollMs, ...more })
  const frame = fetchFrame(1, 't', asked).subarray(4)
  let isAnswered = false
  const ask = async () => {
    wasAsked++
    return (await tiny.broker([frame], { advertised: { host: '', port: 0 }, clientAddress: '' }))[0] ?? []
  }
  const client = wait.forClient()
  const answer = client(frame, ask, release.signal).finally(() => {
    isAnswered = true
  })
  return {
    ...tiny,
    answer,
    /** The same client's next Fetch. */
    again: () => client(frame, ask, release.signal),
    release: () => release.abort(),
    asked: () => wasAsked,
    /** After everything that can happen without time passing. */
    isAnswered: async () => {
      await realClock.sleep(0)
      return isAnswered
    },
    pass: async (ms: number) => {
      await realClock.sleep(0)
      nowMs += ms
      for (const sleeper of sleepers) {
        if (sleeper.untilMs > nowMs) continue
        sleepers.delete(sleeper)
        sleeper.wake()
      }
      await realClock.sleep(0)
    },
    recordBytes: async () => {
      const { body } = readResponse(Fetch, 11, Buffer.concat(await answer).subarray(4))
      return body.responses[0]?.partitions[0]?.records?.length ?? 0
    },
  }
}

test('a Fetch of an idle topic is answered when its time is over, not before', async () => {
  const fetch = fetching({ maxWaitMs: 500 })
  await fetch.pass(499)
  expect(await fetch.isAnswered()).toBe(false)
  await fetch.pass(1)
  expect(await fetch.isAnswered()).toBe(true)
  expect(await fetch.recordBytes()).toBe(0)
})

test('a Fetch is answered as soon as its topic grows', async () => {
  const fetch = fetching({ maxWaitMs: 500 })
  await fetch.pass(100)
  fetch.append('other', Buffer.alloc(10))
  expect(await fetch.isAnswered()).toBe(false)
  expect(fetch.asked()).toBe(1)
  fetch.append('t', Buffer.alloc(10))
  expect(await fetch.isAnswered()).toBe(true)
  expect(await fetch.recordBytes()).toBe(10)
})

test('a Fetch is held until there are as many bytes as it wants', async () => {
  const fetch = fetching({ maxWaitMs: 5000, minBytes: 1000 })
  for (let i = 0; i < 9; i++) {
    await fetch.pass(100)
    fetch.append('t', Buffer.alloc(100))
    await fetch.pass(100)
    expect(await fetch.isAnswered()).toBe(false)
  }
  fetch.append('t', Buffer.alloc(100))
  await fetch.pass(100)
  expect(await fetch.isAnswered()).toBe(true)
  expect(await fetch.recordBytes()).toBe(1000)
})

test('a Fetch that wants many bytes is not asked again for each of many small batches', async () => {
  const fetch = fetching({ maxWaitMs: 5000, minBytes: 100_000 })
  for (let i = 0; i < 1000; i++) {
    fetch.append('t', Buffer.alloc(1))
    await fetch.pass(1)
  }
  expect(fetch.asked()).toBeLessThan(30)
  fetch.release()
  await fetch.pass(100)
  expect(await fetch.recordBytes()).toBe(1000)
})

test('what others wrote is found by asking again, more and more seldom', async () => {
  const fetch = fetching({ maxWaitMs: 5000 }, 200)
  await fetch.pass(200)
  await fetch.pass(400)
  expect(fetch.asked()).toBe(3)
  await fetch.pass(700)
  expect(fetch.asked()).toBe(3)
  fetch.release()
  await fetch.answer
})

test('the pauses of a client grow from one Fetch to the next while nothing comes, and begin anew when something does', async () => {
  const fetch = fetching({ maxWaitMs: 500 }, 200, { maxPollMs: 1000 })
  await fetch.pass(200)
  await fetch.pass(300)
  expect(await fetch.isAnswered()).toBe(true)
  expect(fetch.asked()).toBe(2)
  const second = fetch.again()
  await fetch.pass(500)
  await second
  expect(fetch.asked()).toBe(3)
  fetch.append('t', Buffer.alloc(10))
  await fetch.again()
  expect(fetch.asked()).toBe(4)
})

test('where calls have a price a Fetch that finds nothing is held longer than its client would wait', async () => {
  const fetch = fetching({ maxWaitMs: 500 }, 2000, { minHoldMs: 4000 })
  await fetch.pass(3999)
  expect(await fetch.isAnswered()).toBe(false)
  await fetch.pass(1)
  expect(await fetch.isAnswered()).toBe(true)
  expect(fetch.asked()).toBe(2)
})

test.each([100, 500, 5000])(
  'a consumer that waits %i ms for nothing makes about two calls in four or five seconds',
  async (maxWaitMs) => {
    const fetch = fetching({ maxWaitMs }, pricedCalls.pollMs, pricedCalls)
    let isOver = false
    const consumer = (async () => {
      for (await fetch.answer; !isOver; ) await fetch.again()
    })()
    const stepMs = 50
    for (let ms = 0; ms < 10 * 60_000; ms += stepMs) await fetch.pass(stepMs)
    expect(fetch.asked()).toBeGreaterThan(240)
    expect(fetch.asked()).toBeLessThan(310)
    isOver = true
    fetch.release()
    await consumer
  },
)

test('an error is answered at once', async () => {
  const fetch = fetching({ maxWaitMs: 500, offset: -5n })
  expect(await fetch.isAnswered()).toBe(true)
  expect(fetch.asked()).toBe(1)
})

test.each([{ maxWaitMs: 0 }, { maxWaitMs: -1 }, { minBytes: 0 }])('a Fetch with %j does not wait', async (asked) => {
  const fetch = fetching(asked)
  expect(await fetch.isAnswered()).toBe(true)
  expect(fetch.asked()).toBe(1)
})

test('a client may not have a Fetch held for longer than the limit', async () => {
  const fetch = fetching({ maxWaitMs: 600_000 })
  await fetch.pass(4999)
  expect(await fetch.isAnswered()).toBe(false)
  await fetch.pass(1)
  expect(await fetch.isAnswered()).toBe(true)
})

test('a Fetch whose client is gone is not held', async () => {
  const fetch = fetching({ maxWaitMs: 500 })
  expect(await fetch.isAnswered()).toBe(false)
  fetch.release()
  expect(await fetch.isAnswered()).toBe(true)
})

test('growth while the broker is asked is not missed', async () => {
  const fetch = fetching({ maxWaitMs: 500 })
  fetch.append('t', Buffer.alloc(10))
  expect(await fetch.isAnswered()).toBe(true)
  expect(await fetch.recordBytes()).toBe(10)
})
