/** What has configs, as requests number it. */
export const resourceTypes = { topic: 2, broker: 4 } as const
