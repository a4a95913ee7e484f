#!/usr/bin/env node
// Read by whatever Node there is, so that an old one is told and does not fail at the first word it does not know.
const least = 24
const isOld = Number(process.versions.node.split('.')[0]) < least

if (isOld) {
  process.stderr.write(
    `wadi: this is Node ${process.versions.node}, and wadi needs Node ${least} or newer: https://nodejs.org\n`,
  )
  process.exitCode = 1
} else await import(new URL('../dist/cli/main.js', import.meta.url).href)
