import { errors } from '../../protocol/errors.ts'
import type { ListGroups } from '../../protocol/messages/list-groups.ts'
import type { Handler } from '../context.ts'

/** No filter lets everything through; case does not matter. */
export const listGroups: Handler<typeof ListGroups> = async ({ statesFilter, typesFilter }, call) => {
  const passes = (filter: readonly string[], value: string): boolean =>
    filter.length === 0 || filter.some((one) => one.toLowerCase() === value.toLowerCase())
  const groups = await call.groups.list()
  return {
    errorCode: errors.NONE,
    groups: groups
      .filter(({ state, type }) => passes(statesFilter, state) && passes(typesFilter, type))
      .map(({ groupId, protocolType, state, type }) => ({ groupId, protocolType, groupState: state, groupType: type })),
  }
}
