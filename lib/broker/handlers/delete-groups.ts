import { errors } from '../../protocol/errors.ts'
import type { DeleteGroups } from '../../protocol/messages/delete-groups.ts'
import type { Handler } from '../context.ts'
import { attempt } from '../failures.ts'
import { groupFailure } from '../group-answers.ts'

export const deleteGroups: Handler<typeof DeleteGroups> = async ({ groupsNames }, call) => ({
  results: await Promise.all(
    groupsNames.map(async (groupId) => {
      const error = await attempt(
        call,
        () => call.groups.delete(groupId),
        (failure) => failure,
      )
      return { groupId, errorCode: groupFailure(errors[error]) }
    }),
  ),
})
