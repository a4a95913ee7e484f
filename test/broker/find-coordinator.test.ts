import { expect, test } from 'vitest'
import { errors } from '../../lib/protocol/errors.ts'
import { FindCoordinator } from '../../lib/protocol/messages/find-coordinator.ts'
import { brokerWorld } from './world.ts'

const here = { nodeId: 1, host: 'kafka.test', port: 9092, errorCode: errors.NONE }

test.each([0, 1, 2, 3])('whoever is asked coordinates a group, in version %i', async (version) => {
  expect(await brokerWorld().ask(FindCoordinator, version, { key: 'billing' })).toMatchObject(here)
})

test.each([4, 5, 6])('whoever is asked coordinates several groups, in version %i', async (version) => {
  const answer = await brokerWorld().ask(FindCoordinator, version, { coordinatorKeys: ['billing', 'mail'] })
  expect(answer.coordinators).toMatchObject([
    { key: 'billing', ...here },
    { key: 'mail', ...here },
  ])
})

test('transactions have no coordinator yet, and it is said why', async () => {
  const answer = await brokerWorld().ask(FindCoordinator, 4, { keyType: 1, coordinatorKeys: ['x'] })
  expect(answer.coordinators).toMatchObject([
    { nodeId: -1, errorCode: errors.UNSUPPORTED_VERSION, errorMessage: 'Transactions are not implemented yet.' },
  ])
})
