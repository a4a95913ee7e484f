import { expect, test } from 'vitest'
import { SettingsError, settingsFrom } from '../lib/environment.ts'

test.each([
  ['10.0.0.7:9092', { host: '10.0.0.7', port: 9092, zone: null }],
  ['gateway-1.example.com:19092', { host: 'gateway-1.example.com', port: 19092, zone: null }],
  ['[fd00::7]:9092', { host: 'fd00::7', port: 9092, zone: null }],
])('a server advertises itself at %s', (given, node) => {
  expect(settingsFrom({ WADI_ADVERTISE: given }).node).toEqual(node)
  expect(settingsFrom({ WADI_ADVERTISE: given, WADI_ZONE: 'a' }).node).toEqual({ ...node, zone: 'a' })
})

test('who does not say where it can be reached is no node', () => {
  expect(settingsFrom({ WADI_ZONE: 'a' }).node).toBeUndefined()
})

test.each(['10.0.0.7', ':9092', '10.0.0.7:0', '10.0.0.7:70000', 'a b:9092'])('"%s" is no address', (given) => {
  expect(() => settingsFrom({ WADI_ADVERTISE: given })).toThrow(SettingsError)
})
