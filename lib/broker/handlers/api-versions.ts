import { apiVersionsReply } from '../../protocol/apis.ts'
import type { ApiVersions } from '../../protocol/messages/api-versions.ts'
import type { Handler } from '../context.ts'

export const apiVersions: Handler<typeof ApiVersions> = async () => apiVersionsReply()
