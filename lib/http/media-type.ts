import { HttpProblem } from './http-problem.ts'

export type MediaType = {
  /** `type/subtype` in lower case, without parameters. */
  readonly essence: string
  readonly parameters: ReadonlyMap<string, string>
}

const token = /^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+$/

/** A header's media type; undefined when there is none or it is no type at all. */
export const mediaTypeOf = (header: string | undefined): MediaType | undefined => {
  const [first = '', ...rest] = (header ?? '').split(';')
  const essence = first.trim().toLowerCase()
  if (!token.test(essence)) return undefined
  const parameters = rest.flatMap((part): readonly (readonly [string, string])[] => {
    const [name = '', value = ''] = part.split('=', 2)
    return [[name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')]]
  })
  return { essence, parameters: new Map(parameters) }
}

/** Of the types that can be answered the one that `Accept` likes best, the first one when it likes several (RFC 9110). */
export const acceptedType = <Type extends string>(
  accept: string | undefined,
  offered: readonly [Type, ...Type[]],
): Type => {
  if (accept === undefined || accept.trim() === '') return offered[0]
  const ranges = accept.split(',').flatMap((part): readonly { readonly range: string; readonly quality: number }[] => {
    const type = mediaTypeOf(part)
    if (type === undefined) return []
    const quality = Number(type.parameters.get('q') ?? '1')
    return [{ range: type.essence, quality: Number.isFinite(quality) ? quality : 0 }]
  })
  const qualityOf = (type: string): number => {
    const wider = [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']
    for (const range of wider) {
      const found = ranges.find((one) => one.range === range)
      if (found) return found.quality
    }
    return 0
  }
  let [best] = offered
  for (const type of offered) if (qualityOf(type) > qualityOf(best)) best = type
  if (qualityOf(best) > 0) return best
  const detail = `Nothing that "${accept.slice(0, 200)}" accepts can be answered here.`
  throw new HttpProblem('NOT_ACCEPTABLE', detail, { hint: `There is ${offered.join(', ')}.` })
}
