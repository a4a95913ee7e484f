import { Validations } from 'aws-cdk-lib'
import { EndpointType, type IResource, LambdaIntegration, RestApi } from 'aws-cdk-lib/aws-apigateway'
import {
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
} from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { type Door, doors } from './permissions.ts'
import { routes } from './routes.ts'

/** Who may call: whoever signs with AWS credentials that allow it, or whoever has a key that the functions know. */
export type Auth = 'iam' | 'apiKeys'

export type Throttle = {
  /** Requests each second, over time. */
  readonly ratePerSecond: number
  /** Requests at once. */
  readonly burst: number
}

export type Functions = Readonly<Record<Door, IFunction>>

/** A URL before the functions. */
export type Api = Construct & {
  /** Without a slash at its end. */
  readonly url: string
  readonly id: string
}

/** The API in AWS: an HTTP API, which costs less than a third of a REST API. */
export class PublicApi extends Construct implements Api {
  readonly url: string
  readonly id: string
  readonly api: HttpApi

  constructor(scope: Construct, id: string, functions: Functions, auth: Auth, throttle: Throttle) {
    super(scope, id)
    this.api = new HttpApi(this, 'Api', { createDefaultStage: false })
    const authorizer = auth === 'iam' ? new HttpIamAuthorizer() : new HttpNoneAuthorizer()
    const integrations = integrationsOf((door) => {
      const name = `${door}Integration`
      return new HttpLambdaIntegration(name, functions[door], { scopePermissionToRoute: false })
    })
    for (const { method, path, door } of routes) {
      this.api.addRoutes({ path, methods: [HttpMethod[method]], integration: integrations[door], authorizer })
    }
    const others = { httpApi: this.api, routeKey: HttpRouteKey.DEFAULT, integration: integrations.admin, authorizer }
    new HttpRoute(this, 'Others', others)
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: throttle.ratePerSecond, burstLimit: throttle.burst },
    })
    Validations.of(stage).acknowledge({
      id: 'AwsSolutions-APIG1',
      reason: 'the functions write one line for each request; a second one for each would cost as much as the request',
    })
    if (auth === 'apiKeys') {
      const reason = 'the functions check the key of every request, and answer 401 and 403 in the shape of the API'
      Validations.of(this).acknowledge({ id: 'AwsSolutions-APIG4', reason })
    }
    this.url = this.api.apiEndpoint
    this.id = this.api.apiId
  }
}

/** The API in an emulator, which has REST APIs only. Nothing is checked before the functions. */
export class LocalApi extends Construct implements Api {
  readonly url: string
  readonly id: string
  readonly api: RestApi

  /** `endpoint`: the emulator's URL. */
  constructor(scope: Construct, id: string, functions: Functions, endpoint: string) {
    super(scope, id)
    this.api = new RestApi(this, 'Api', {
      // Anything narrower goes by the header `accept`, and would send frames as base64 to whoever does not ask for bytes.
      binaryMediaTypes: ['*/*'],
      endpointTypes: [EndpointType.REGIONAL],
      deployOptions: { stageName: 'local' },
      cloudWatchRole: false,
    })
    const integrations = integrationsOf((door) => new LambdaIntegration(functions[door], { allowTestInvoke: false }))
    const others = (resource: IResource): void => {
      resource.addMethod('ANY', integrations.admin)
    }
    for (const { method, path, door } of routes) {
      const resource = this.api.root.resourceForPath(path)
      resource.addMethod(method, integrations[door])
    }
    others(this.api.root)
    others(this.api.root.addResource('{rest+}'))
    // A path on the way to another one is not answered by the rest.
    for (const path of ['/v1/topics/{topic}', '/v1/topics']) others(this.api.root.resourceForPath(path))
    // It says where the API would be in AWS.
    this.api.node.tryRemoveChild('Endpoint')
    const stage = this.api.deploymentStage.stageName
    this.url = `${endpoint}/_aws/execute-api/${this.api.restApiId}/${stage}`
    this.id = this.api.restApiId
  }
}

const integrationsOf = <Integration>(make: (door: Door) => Integration): Readonly<Record<Door, Integration>> => {
  const [produce, fetch, admin, groups] = doors
  return { produce: make(produce), fetch: make(fetch), admin: make(admin), groups: make(groups) }
}
