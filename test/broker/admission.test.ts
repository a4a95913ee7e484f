import { expect, test } from 'vitest'
import { Admission } from '../../lib/broker/admission.ts'

const connection = { advertised: { host: '127.0.0.1', port: 9092 }, clientAddress: '127.0.0.1:1' }

test('a call is admitted after those before it, however long they take to get there', async () => {
  const admission = new Admission()
  const order: string[] = []
  const slow = Promise.withResolvers<void>()
  const first = admission.inTurn(connection, async ({ admitted }) => {
    await slow.promise
    order.push('first')
    admitted()
  })
  const second = admission.inTurn(connection, async ({ earlier, admitted }) => {
    await earlier
    order.push('second')
    admitted()
  })
  slow.resolve()
  await Promise.all([first, second])
  expect(order).toEqual(['first', 'second'])
})

test('a call that fails before it is admitted holds up nobody', async () => {
  const admission = new Admission()
  const failing = admission.inTurn(connection, () => Promise.reject(new Error('broken')))
  const next = admission.inTurn(connection, async ({ earlier }) => {
    await earlier
    return 'done'
  })
  await expect(failing).rejects.toThrow('broken')
  expect(await next).toBe('done')
})

test('connections do not wait for each other', async () => {
  const admission = new Admission()
  void admission.inTurn(connection, () => new Promise(() => {}))
  expect(await admission.inTurn({ ...connection }, async ({ earlier }) => earlier)).toBeUndefined()
})
