#include "harness/harness_test_state_priv.h"

/*
 * What calls of AWS services answer, as their published models say, with the
 * names in Step Functions' spelling: a member, its type (s string, timestamp or
 * blob; n number; b boolean; a array; o object), "!" when it is required, "<N"
 * its least length, "=A|B" its values.
 */

/* clang-format off */
static const struct test_state_shape shapes[] = {
    {"athena:getQueryExecution",
     "QueryExecution:o"},
    {"athena:getQueryResults",
     "UpdateCount:n ResultSet:o NextToken:s<1"},
    {"athena:startQueryExecution",
     "QueryExecutionId:s<1"},
    {"batch:describeJobs",
     "Jobs:a"},
    {"batch:submitJob",
     "JobArn:s JobName:s! JobId:s!"},
    {"codebuild:startBuild",
     "Build:o"},
    {"dynamodb:batchGetItem",
     "Responses:o UnprocessedKeys:o ConsumedCapacity:a"},
    {"dynamodb:batchWriteItem",
     "UnprocessedItems:o ItemCollectionMetrics:o ConsumedCapacity:a"},
    {"dynamodb:deleteItem",
     "Attributes:o ConsumedCapacity:o ItemCollectionMetrics:o"},
    {"dynamodb:getItem",
     "Item:o ConsumedCapacity:o"},
    {"dynamodb:putItem",
     "Attributes:o ConsumedCapacity:o ItemCollectionMetrics:o"},
    {"dynamodb:query",
     "Items:a Count:n ScannedCount:n LastEvaluatedKey:o "
     "ConsumedCapacity:o"},
    {"dynamodb:scan",
     "Items:a Count:n ScannedCount:n LastEvaluatedKey:o "
     "ConsumedCapacity:o"},
    {"dynamodb:transactWriteItems",
     "ConsumedCapacity:a ItemCollectionMetrics:o"},
    {"dynamodb:updateItem",
     "Attributes:o ConsumedCapacity:o ItemCollectionMetrics:o"},
    {"ecs:describeTasks",
     "Tasks:a Failures:a"},
    {"ecs:runTask",
     "Tasks:a Failures:a"},
    {"events:putEvents",
     "FailedEntryCount:n Entries:a"},
    {"glue:getJobRun",
     "JobRun:o"},
    {"glue:startJobRun",
     "JobRunId:s<1"},
    {"kinesis:putRecord",
     "ShardId:s!<1 SequenceNumber:s! EncryptionType:s=NONE|KMS"},
    {"kinesis:putRecords",
     "FailedRecordCount:n Records:a! EncryptionType:s=NONE|KMS"},
    {"kms:decrypt",
     "KeyId:s<1 Plaintext:s<1 "
     "EncryptionAlgorithm:s=SYMMETRIC_DEFAULT|RSAES_OAEP_SHA_1|"
     "RSAES_OAEP_SHA_256|SM2PKE CiphertextForRecipient:s<1 "
     "KeyMaterialId:s<64"},
    {"kms:encrypt",
     "CiphertextBlob:s<1 KeyId:s<1 "
     "EncryptionAlgorithm:s=SYMMETRIC_DEFAULT|RSAES_OAEP_SHA_1|"
     "RSAES_OAEP_SHA_256|SM2PKE"},
    {"kms:generateDataKey",
     "CiphertextBlob:s<1 Plaintext:s<1 KeyId:s<1 "
     "CiphertextForRecipient:s<1 KeyMaterialId:s<64"},
    {"kms:sign",
     "KeyId:s<1 Signature:s<1 SigningAlgorithm:s=RSASSA_PSS_SHA_256|"
     "RSASSA_PSS_SHA_384|RSASSA_PSS_SHA_512|"
     "RSASSA_PKCS1_V1_5_SHA_256|RSASSA_PKCS1_V1_5_SHA_384|"
     "RSASSA_PKCS1_V1_5_SHA_512|ECDSA_SHA_256|ECDSA_SHA_384|"
     "ECDSA_SHA_512|SM2DSA|ML_DSA_SHAKE_256|ED25519_SHA_512|"
     "ED25519_PH_SHA_512"},
    {"kms:verify",
     "KeyId:s<1 SignatureValid:b "
     "SigningAlgorithm:s=RSASSA_PSS_SHA_256|RSASSA_PSS_SHA_384|"
     "RSASSA_PSS_SHA_512|RSASSA_PKCS1_V1_5_SHA_256|"
     "RSASSA_PKCS1_V1_5_SHA_384|RSASSA_PKCS1_V1_5_SHA_512|"
     "ECDSA_SHA_256|ECDSA_SHA_384|ECDSA_SHA_512|SM2DSA|"
     "ML_DSA_SHAKE_256|ED25519_SHA_512|ED25519_PH_SHA_512"},
    {"lambda:getFunction",
     "Configuration:o Code:o Tags:o TagsError:o Concurrency:o"},
    {"lambda:invoke",
     "StatusCode:n FunctionError:s LogResult:s ExecutedVersion:s<1 "
     "DurableExecutionArn:s<1"},
    {"lambda:listFunctions",
     "NextMarker:s Functions:a"},
    {"s3:copyObject",
     "CopyObjectResult:o Expiration:s CopySourceVersionId:s "
     "VersionId:s ServerSideEncryption:s=AES256|aws:fsx|aws:kms|"
     "aws:kms:dsse SSECustomerAlgorithm:s SSECustomerKeyMD5:s "
     "SSEKMSKeyId:s SSEKMSEncryptionContext:s BucketKeyEnabled:b "
     "RequestCharged:s=requester"},
    {"s3:deleteObject",
     "DeleteMarker:b VersionId:s RequestCharged:s=requester"},
    {"s3:getObject",
     "Body:s DeleteMarker:b AcceptRanges:s Expiration:s Restore:s "
     "LastModified:s ContentLength:n ETag:s ChecksumCRC32:s "
     "ChecksumCRC32C:s ChecksumCRC64NVME:s ChecksumSHA1:s "
     "ChecksumSHA256:s ChecksumSHA512:s ChecksumMD5:s "
     "ChecksumXXHASH64:s ChecksumXXHASH3:s ChecksumXXHASH128:s "
     "ChecksumType:s=COMPOSITE|FULL_OBJECT MissingMeta:n "
     "VersionId:s CacheControl:s ContentDisposition:s "
     "ContentEncoding:s ContentLanguage:s ContentRange:s "
     "ContentType:s Expires:s WebsiteRedirectLocation:s "
     "ServerSideEncryption:s=AES256|aws:fsx|aws:kms|aws:kms:dsse "
     "Metadata:o SSECustomerAlgorithm:s SSECustomerKeyMD5:s "
     "SSEKMSKeyId:s BucketKeyEnabled:b StorageClass:s=STANDARD|"
     "REDUCED_REDUNDANCY|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|"
     "GLACIER|DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SNOW|EXPRESS_ONEZONE|"
     "FSX_OPENZFS|FSX_ONTAP RequestCharged:s=requester "
     "ReplicationStatus:s=COMPLETE|PENDING|FAILED|REPLICA|COMPLETED "
     "PartsCount:n TagCount:n ObjectLockMode:s=GOVERNANCE|"
     "COMPLIANCE ObjectLockRetainUntilDate:s "
     "ObjectLockLegalHoldStatus:s=ON|OFF"},
    {"s3:headObject",
     "DeleteMarker:b AcceptRanges:s Expiration:s Restore:s "
     "ArchiveStatus:s=ARCHIVE_ACCESS|DEEP_ARCHIVE_ACCESS "
     "LastModified:s ContentLength:n ChecksumCRC32:s "
     "ChecksumCRC32C:s ChecksumCRC64NVME:s ChecksumSHA1:s "
     "ChecksumSHA256:s ChecksumSHA512:s ChecksumMD5:s "
     "ChecksumXXHASH64:s ChecksumXXHASH3:s ChecksumXXHASH128:s "
     "ChecksumType:s=COMPOSITE|FULL_OBJECT ETag:s MissingMeta:n "
     "VersionId:s CacheControl:s ContentDisposition:s "
     "ContentEncoding:s ContentLanguage:s ContentType:s "
     "ContentRange:s Expires:s WebsiteRedirectLocation:s "
     "ServerSideEncryption:s=AES256|aws:fsx|aws:kms|aws:kms:dsse "
     "Metadata:o SSECustomerAlgorithm:s SSECustomerKeyMD5:s "
     "SSEKMSKeyId:s BucketKeyEnabled:b StorageClass:s=STANDARD|"
     "REDUCED_REDUNDANCY|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|"
     "GLACIER|DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SNOW|EXPRESS_ONEZONE|"
     "FSX_OPENZFS|FSX_ONTAP RequestCharged:s=requester "
     "ReplicationStatus:s=COMPLETE|PENDING|FAILED|REPLICA|COMPLETED "
     "PartsCount:n TagCount:n ObjectLockMode:s=GOVERNANCE|"
     "COMPLIANCE ObjectLockRetainUntilDate:s "
     "ObjectLockLegalHoldStatus:s=ON|OFF"},
    {"s3:listBuckets",
     "Buckets:a Owner:o ContinuationToken:s Prefix:s"},
    {"s3:listObjectsV2",
     "IsTruncated:b Contents:a Name:s Prefix:s Delimiter:s "
     "MaxKeys:n CommonPrefixes:a EncodingType:s=url KeyCount:n "
     "ContinuationToken:s NextContinuationToken:s StartAfter:s "
     "RequestCharged:s=requester"},
    {"s3:putObject",
     "Expiration:s ETag:s ChecksumCRC32:s ChecksumCRC32C:s "
     "ChecksumCRC64NVME:s ChecksumSHA1:s ChecksumSHA256:s "
     "ChecksumSHA512:s ChecksumMD5:s ChecksumXXHASH64:s "
     "ChecksumXXHASH3:s ChecksumXXHASH128:s "
     "ChecksumType:s=COMPOSITE|FULL_OBJECT "
     "ServerSideEncryption:s=AES256|aws:fsx|aws:kms|aws:kms:dsse "
     "VersionId:s SSECustomerAlgorithm:s SSECustomerKeyMD5:s "
     "SSEKMSKeyId:s SSEKMSEncryptionContext:s BucketKeyEnabled:b "
     "Size:n RequestCharged:s=requester"},
    {"secretsmanager:getSecretValue",
     "ARN:s<20 Name:s<1 VersionId:s<32 SecretBinary:s<1 "
     "SecretString:s<1 VersionStages:a CreatedDate:s"},
    {"secretsmanager:putSecretValue",
     "ARN:s<20 Name:s<1 VersionId:s<32 VersionStages:a"},
    {"sns:publish",
     "MessageId:s SequenceNumber:s"},
    {"sns:publishBatch",
     "Successful:a Failed:a"},
    {"sqs:deleteMessage",
     ""},
    {"sqs:getQueueUrl",
     "QueueUrl:s"},
    {"sqs:receiveMessage",
     "Messages:a"},
    {"sqs:sendMessage",
     "MD5OfMessageBody:s MD5OfMessageAttributes:s "
     "MD5OfMessageSystemAttributes:s MessageId:s SequenceNumber:s"},
    {"sqs:sendMessageBatch",
     "Successful:a! Failed:a!"},
    {"ssm:getParameter",
     "Parameter:o"},
    {"ssm:getParameters",
     "Parameters:a InvalidParameters:a"},
    {"ssm:putParameter",
     "Version:n Tier:s=Standard|Advanced|Intelligent-Tiering"},
    {"states:describeExecution",
     "ExecutionArn:s!<1 StateMachineArn:s!<1 Name:s<1 "
     "Status:s!=RUNNING|SUCCEEDED|FAILED|TIMED_OUT|ABORTED|"
     "PENDING_REDRIVE StartDate:s! StopDate:s Input:s "
     "InputDetails:o Output:s OutputDetails:o TraceHeader:s "
     "MapRunArn:s<1 Error:s Cause:s StateMachineVersionArn:s<1 "
     "StateMachineAliasArn:s<1 RedriveCount:n RedriveDate:s "
     "RedriveStatus:s=REDRIVABLE|NOT_REDRIVABLE|"
     "REDRIVABLE_BY_MAP_RUN RedriveStatusReason:s"},
    {"states:listExecutions",
     "Executions:a! NextToken:s<1"},
    {"states:sendTaskSuccess",
     ""},
    {"states:startExecution",
     "ExecutionArn:s!<1 StartDate:s!"},
    {"states:startSyncExecution",
     "ExecutionArn:s!<1 StateMachineArn:s<1 Name:s<1 StartDate:s! "
     "StopDate:s! Status:s!=SUCCEEDED|FAILED|TIMED_OUT Error:s "
     "Cause:s InputDetails:o OutputDetails:o TraceHeader:s "
     "BillingDetails:o"},
    {"states:stopExecution",
     "StopDate:s!"},
    {"sts:assumeRole",
     "Credentials:o AssumedRoleUser:o PackedPolicySize:n "
     "SourceIdentity:s<2"},
    {"sts:getCallerIdentity",
     "UserId:s Account:s Arn:s<20"},
};

/* clang-format on */

const struct test_state_shape *
test_state_shapes(size_t *n)
{
    *n = ODK_ARRAY_LEN(shapes);
    return shapes;
}
