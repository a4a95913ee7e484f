import { RemovalPolicy, Validations } from 'aws-cdk-lib'
import { AttributeType, BillingMode, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb'
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'

export type StorageProps = {
  /**
   * What becomes of table and bucket when the stack goes. Kept, the table also has point-in-time recovery and deletion
   * protection.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy
  /**
   * Names a table that an earlier stack has left behind.
   * @default a new table
   */
  readonly existingTable?: string
  /**
   * Names a bucket that an earlier stack has left behind. Its policy is what that stack has made it.
   * @default a new bucket
   */
  readonly existingBucket?: string
}

/** The table and the bucket, which hold everything. */
export class Storage extends Construct {
  readonly table: ITable | Table
  readonly bucket: IBucket | Bucket

  constructor(scope: Construct, id: string, props: StorageProps = {}) {
    super(scope, id)
    const { removalPolicy = RemovalPolicy.RETAIN, existingTable, existingBucket } = props
    this.table =
      existingTable === undefined ? this.#newTable(removalPolicy) : Table.fromTableName(this, 'Table', existingTable)
    this.bucket =
      existingBucket === undefined
        ? this.#newBucket(removalPolicy)
        : Bucket.fromBucketName(this, 'Bucket', existingBucket)
  }

  #newTable(removalPolicy: RemovalPolicy): Table {
    const isKept = removalPolicy !== RemovalPolicy.DESTROY
    const table = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: isKept },
      deletionProtection: isKept,
      removalPolicy,
    })
    if (!isKept) {
      const reason = 'what goes with its stack needs no backup'
      Validations.of(table).acknowledge({ id: 'AwsSolutions-DDB3', reason })
    }
    return table
  }

  #newBucket(removalPolicy: RemovalPolicy): Bucket {
    const bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      removalPolicy,
    })
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'ObjectsAreWrittenOnce',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects('*')],
        conditions: { Null: { 's3:if-none-match': 'true' } },
      }),
    )
    // A bucket that is kept keeps what guards it.
    bucket.policy?.applyRemovalPolicy(removalPolicy)
    const reason = 'access logs cost a put for every few requests; data events can be turned on by whoever wants them'
    Validations.of(bucket).acknowledge({ id: 'AwsSolutions-S1', reason })
    return bucket
  }
}
