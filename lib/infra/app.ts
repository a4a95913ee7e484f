import { App } from 'aws-cdk-lib'
import { wadiStack } from './stack.ts'

const app = new App()
wadiStack(app)
app.synth()
