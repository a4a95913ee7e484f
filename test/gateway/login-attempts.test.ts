import { expect, test } from 'vitest'
import type { Broker } from '../../lib/broker/broker.ts'
import { limitedAttempts } from '../../lib/gateway/login-attempts.ts'

const broker: Broker = async () => []

const attempts = () => {
  let nowMs = 0
  let asked = 0
  const login = limitedAttempts(
    async ({ password }) => {
      asked++
      return password === 'right' ? broker : undefined
    },
    () => nowMs,
  )
  const isLetIn = async (password: string, username = 'ada', address = '10.0.0.7:5000') =>
    (await login({ username, password }, address)) !== undefined
  const fails = async (times: number) => {
    for (let time = 0; time < times; time++)
      expect(await isLetIn('wrong', 'ada', `10.0.0.7:${5000 + time}`)).toBe(false)
  }
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { isLetIn, fails, asked: () => asked, pass }
}

test('after ten failures of a name from an address nobody is asked about it until the minute is over', async () => {
  const { isLetIn, fails, asked, pass } = attempts()
  await fails(30)
  expect(asked()).toBe(10)
  expect(await isLetIn('right')).toBe(false)
  pass(59_999)
  expect(await isLetIn('right')).toBe(false)
  expect(asked()).toBe(10)
  pass(1)
  expect(await isLetIn('right')).toBe(true)
})

test('other names, and the same name from elsewhere, go on', async () => {
  const { isLetIn, fails } = attempts()
  await fails(10)
  expect(await isLetIn('right', 'grace')).toBe(true)
  expect(await isLetIn('right', 'ada', '10.0.0.8:5000')).toBe(true)
  expect(await isLetIn('right', 'ada', '[fe80::1]:5000')).toBe(true)
})

test('whoever gets it right in between begins anew, and any number may log in at once', async () => {
  const { isLetIn, fails } = attempts()
  await fails(9)
  expect(await isLetIn('right')).toBe(true)
  await fails(9)
  const all = await Promise.all(Array.from({ length: 50 }, () => isLetIn('right')))
  expect(all).toEqual(Array(50).fill(true))
})

test('an answer that nobody can give is no failure', async () => {
  const login = limitedAttempts(
    async () => {
      throw new Error('nobody answers')
    },
    () => 0,
  )
  for (let time = 0; time < 20; time++) {
    await expect(login({ username: 'ada', password: 'x' }, '10.0.0.7:1')).rejects.toThrow('nobody answers')
  }
})
