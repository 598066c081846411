/// A code of librdkafka (negative) or of the Kafka protocol (positive).
///
/// A struct, not an enum: codes this program has no name for survive and print. The C name of each
/// is in its doc comment, the full list in `rdkafka.h`, `rd_kafka_resp_err_t`.
package struct KafkaErrorCode: RawRepresentable, Hashable, Sendable {
  package let rawValue: Int32

  package init(rawValue: Int32) { self.rawValue = rawValue }

  /// `RD_KAFKA_RESP_ERR_NO_ERROR`
  package static let none = Self(rawValue: 0)

  // MARK: Of the library

  /// `RD_KAFKA_RESP_ERR__DESTROY`: the client is being taken down.
  package static let destroyed = Self(rawValue: -197)
  /// `RD_KAFKA_RESP_ERR__FAIL`
  package static let failed = Self(rawValue: -196)
  /// `RD_KAFKA_RESP_ERR__TRANSPORT`: a connection was refused or broke.
  package static let transport = Self(rawValue: -195)
  /// `RD_KAFKA_RESP_ERR__RESOLVE`: a broker's name has no address.
  package static let unresolved = Self(rawValue: -193)
  /// `RD_KAFKA_RESP_ERR__MSG_TIMED_OUT`: a produced record was given up.
  package static let recordTimedOut = Self(rawValue: -192)
  /// `RD_KAFKA_RESP_ERR__PARTITION_EOF`
  package static let endOfPartition = Self(rawValue: -191)
  /// `RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION`
  package static let unknownPartition = Self(rawValue: -190)
  /// `RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC`
  package static let unknownTopic = Self(rawValue: -188)
  /// `RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN`
  package static let allBrokersDown = Self(rawValue: -187)
  /// `RD_KAFKA_RESP_ERR__INVALID_ARG`
  package static let invalidArgument = Self(rawValue: -186)
  /// `RD_KAFKA_RESP_ERR__TIMED_OUT`
  package static let timedOut = Self(rawValue: -185)
  /// `RD_KAFKA_RESP_ERR__QUEUE_FULL`
  package static let queueFull = Self(rawValue: -184)
  /// `RD_KAFKA_RESP_ERR__SSL`
  package static let tls = Self(rawValue: -181)
  /// `RD_KAFKA_RESP_ERR__WAIT_COORD`
  package static let waitingForCoordinator = Self(rawValue: -180)
  /// `RD_KAFKA_RESP_ERR__IN_PROGRESS`
  package static let inProgress = Self(rawValue: -178)
  /// `RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS`
  package static let assignPartitions = Self(rawValue: -175)
  /// `RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS`
  package static let revokePartitions = Self(rawValue: -174)
  /// `RD_KAFKA_RESP_ERR__STATE`
  package static let wrongState = Self(rawValue: -172)
  /// `RD_KAFKA_RESP_ERR__AUTHENTICATION`
  package static let authentication = Self(rawValue: -169)
  /// `RD_KAFKA_RESP_ERR__NO_OFFSET`: nothing to commit; not a failure.
  package static let noOffset = Self(rawValue: -168)
  /// `RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE`
  package static let timedOutInQueue = Self(rawValue: -166)
  /// `RD_KAFKA_RESP_ERR__RETRY`
  package static let retry = Self(rawValue: -153)
  /// `RD_KAFKA_RESP_ERR__FATAL`: the client is unusable from now on.
  package static let fatal = Self(rawValue: -150)
  /// `RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED`: `poll` was not called for `max.poll.interval.ms`.
  package static let pollIntervalExceeded = Self(rawValue: -147)
  /// `RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST`
  package static let assignmentLost = Self(rawValue: -142)
  /// `RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET`: the position does not exist and nothing may reset it.
  package static let positionLost = Self(rawValue: -140)

  // MARK: Of the brokers

  /// `RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE`
  package static let offsetOutOfRange = Self(rawValue: 1)
  /// `RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART`
  package static let unknownTopicOrPartition = Self(rawValue: 3)
  /// `RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE`
  package static let leaderNotAvailable = Self(rawValue: 5)
  /// `RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION`
  package static let notLeader = Self(rawValue: 6)
  /// `RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT`
  package static let requestTimedOut = Self(rawValue: 7)
  /// `RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE`
  package static let recordTooLarge = Self(rawValue: 10)
  /// `RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION`
  package static let networkException = Self(rawValue: 13)
  /// `RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS`
  package static let coordinatorLoading = Self(rawValue: 14)
  /// `RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE`
  package static let coordinatorNotAvailable = Self(rawValue: 15)
  /// `RD_KAFKA_RESP_ERR_NOT_COORDINATOR`
  package static let notCoordinator = Self(rawValue: 16)
  /// `RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION`: no legal topic name.
  package static let invalidTopic = Self(rawValue: 17)
  /// `RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS`
  package static let notEnoughReplicas = Self(rawValue: 19)
  /// `RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND`
  package static let notEnoughReplicasAfterAppend = Self(rawValue: 20)
  /// `RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION`
  package static let illegalGeneration = Self(rawValue: 22)
  /// `RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID`
  package static let unknownMember = Self(rawValue: 25)
  /// `RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS`
  package static let rebalanceInProgress = Self(rawValue: 27)
  /// `RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED`
  package static let topicAuthorizationFailed = Self(rawValue: 29)
  /// `RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED`
  package static let groupAuthorizationFailed = Self(rawValue: 30)
  /// `RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR`
  package static let brokerStorage = Self(rawValue: 56)
  /// `RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED`
  package static let saslAuthenticationFailed = Self(rawValue: 58)
  /// `RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH`
  package static let fencedLeaderEpoch = Self(rawValue: 74)
  /// `RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH`
  package static let unknownLeaderEpoch = Self(rawValue: 75)
  /// `RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE`
  package static let offsetNotAvailable = Self(rawValue: 78)
  /// `RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID`: another member has our `group.instance.id`.
  package static let fencedInstance = Self(rawValue: 82)
  /// `RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT`
  package static let unstableOffsetCommit = Self(rawValue: 88)
  /// `RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED`
  package static let throttled = Self(rawValue: 89)

  /// Whether the same call may succeed later with nothing changed on our side: brokers away,
  /// elections, coordinators moving, queues full, quotas.
  package var isRetriable: Bool { Self.retriable.contains(self) }

  private static let retriable: Set<KafkaErrorCode> = [
    .transport, .unresolved, .recordTimedOut, .allBrokersDown, .timedOut, .queueFull,
    .waitingForCoordinator, .inProgress, .timedOutInQueue, .retry, .pollIntervalExceeded,
    .assignmentLost, .leaderNotAvailable, .notLeader, .requestTimedOut, .networkException,
    .coordinatorLoading, .coordinatorNotAvailable, .notCoordinator, .notEnoughReplicas,
    .notEnoughReplicasAfterAppend, .illegalGeneration, .unknownMember, .rebalanceInProgress,
    .brokerStorage, .fencedLeaderEpoch, .unknownLeaderEpoch, .offsetNotAvailable,
    .unstableOffsetCommit, .throttled,
  ]
}
