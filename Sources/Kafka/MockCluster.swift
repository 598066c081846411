internal import CRdkafka

/// A Kafka cluster in this process's memory, for tests, demonstrations and benchmarks: real sockets
/// on the loopback interface, the protocol subset of `rdkafka_mock.h`, and faults on demand.
///
/// What it does not do (2.0.2): keep more than 5 MiB a partition (the oldest batches go, in silence
/// like retention), transactions' markers, topic deletion, anything but an empty wait when a fetch
/// finds nothing. Each rebalance after a group's first waits about the session time-out less one
/// second.
///
/// **Threads:** any; the library's mock thread does the work. **Invariants:** the cluster dies
/// before the client that carries it.
@safe
package final class MockCluster: @unchecked Sendable {
  // @unchecked because the library locks for itself; both handles are constants.
  /// A request of the Kafka protocol: `RD_KAFKAP_…`, the protocol's `ApiKey`.
  package enum Request: Int16, Sendable {
    case produce = 0, fetch = 1, listOffsets = 2, metadata = 3, offsetCommit = 8, offsetFetch = 9
    case findCoordinator = 10, joinGroup = 11, heartbeat = 12, leaveGroup = 13, syncGroup = 14
    case initProducerID = 22
  }

  private let client: ClientHandle
  private let raw: OpaquePointer

  /// Starts `brokerCount` brokers, numbered from 1.
  package init(
    brokerCount: Int, log: @escaping KafkaLogHandler = { _, _, _ in }
  ) throws(KafkaError) {
    let conf = ConfHandle()
    _ = conf.set("client.id", "mock-cluster")
    client = try ClientHandle(conf, RD_KAFKA_PRODUCER, log: log)
    guard let raw = unsafe rd_kafka_mock_cluster_new(client.raw, Int32(brokerCount)) else {
      throw KafkaError(code: .failed, operation: "start a mock cluster of \(brokerCount) brokers")
    }
    unsafe self.raw = raw
  }

  deinit { unsafe rd_kafka_mock_cluster_destroy(raw) }

  /// `host:port` of every broker, comma-separated.
  package var brokers: String {
    unsafe String(cString: rd_kafka_mock_cluster_bootstraps(raw))
  }

  /// Creates a topic with one replica.
  package func createTopic(_ topic: String, partitionCount: Int) throws(KafkaError) {
    try check(
      unsafe rd_kafka_mock_topic_create(raw, topic, Int32(partitionCount), 1),
      "create the mock topic \(topic)")
  }

  // MARK: Faults

  /// The next requests of this kind, to any broker, fail with these codes in turn; `.transport`
  /// breaks the connection.
  package func pushErrors(_ request: Request, _ codes: [KafkaErrorCode]) {
    let raws = codes.map { rd_kafka_resp_err_t(rawValue: $0.rawValue) }
    unsafe rd_kafka_mock_push_request_errors_array(raw, request.rawValue, raws.count, raws)
  }

  /// Forgets the errors pushed for this kind of request.
  package func clearErrors(_ request: Request) {
    unsafe rd_kafka_mock_clear_request_errors(raw, request.rawValue)
  }

  /// The next request of this kind to one broker is answered with `code` (`.none` for a normal
  /// answer), `delayMillis` late.
  package func pushError(
    _ request: Request, broker: Int32, _ code: KafkaErrorCode, delayMillis: Int32 = 0
  ) throws(KafkaError) {
    try check(
      unsafe downlink_mock_broker_push_error(
        raw, broker, request.rawValue, rd_kafka_resp_err_t(rawValue: code.rawValue), delayMillis),
      "push an error to mock broker \(broker)")
  }

  /// Errors pushed to one broker and not used up.
  package func pushedErrorCount(_ request: Request, broker: Int32) throws(KafkaError) -> Int {
    var count = 0
    try check(
      unsafe rd_kafka_mock_broker_error_stack_cnt(raw, broker, request.rawValue, &count),
      "count the errors of mock broker \(broker)")
    return count
  }

  /// Metadata requests answer with this code for the topic; `.none` ends it.
  package func setTopicError(_ topic: String, _ code: KafkaErrorCode) {
    unsafe rd_kafka_mock_topic_set_error(
      raw, topic, rd_kafka_resp_err_t(rawValue: code.rawValue))
  }

  /// Breaks a broker's connections (all brokers': nil) and refuses new ones.
  package func setDown(broker: Int32?) throws(KafkaError) {
    try check(unsafe rd_kafka_mock_broker_set_down(raw, broker ?? -1), "take a mock broker down")
  }

  package func setUp(broker: Int32?) throws(KafkaError) {
    try check(unsafe rd_kafka_mock_broker_set_up(raw, broker ?? -1), "bring a mock broker up")
  }

  /// Delays every answer of a broker (of all: nil).
  package func setRoundTrip(broker: Int32?, millis: Int32) throws(KafkaError) {
    try check(
      unsafe rd_kafka_mock_broker_set_rtt(raw, broker ?? -1, millis), "delay a mock broker")
  }

  package func setRack(broker: Int32, _ rack: String) throws(KafkaError) {
    try check(unsafe rd_kafka_mock_broker_set_rack(raw, broker, rack), "set a mock broker's rack")
  }

  // MARK: Roles

  /// Moves a group's coordinator; the broker need not exist.
  package func setCoordinator(group: String, broker: Int32) throws(KafkaError) {
    try check(
      unsafe rd_kafka_mock_coordinator_set(raw, "group", group, broker),
      "move the mock coordinator of group \(group)")
  }

  /// Moves a partition's leader; nil leaves it without one.
  package func setLeader(
    _ topic: String, partition: Int32, broker: Int32?
  ) throws(KafkaError) {
    try check(
      unsafe rd_kafka_mock_partition_set_leader(raw, topic, partition, broker ?? -1),
      "move the leader of \(topic)[\(partition)]")
  }

  /// Makes a broker the follower that consumers are sent to for a partition.
  package func setFollower(
    _ topic: String, partition: Int32, broker: Int32
  ) throws(KafkaError) {
    try check(
      unsafe rd_kafka_mock_partition_set_follower(raw, topic, partition, broker),
      "set the follower of \(topic)[\(partition)]")
  }

  /// Offsets that the follower pretends to have; nil gives back the leader's.
  package func setFollowerRange(
    _ topic: String, partition: Int32, beginning: Int64?, end: Int64?
  ) throws(KafkaError) {
    try check(
      unsafe rd_kafka_mock_partition_set_follower_wmarks(
        raw, topic, partition, beginning ?? -1, end ?? -1),
      "set the follower's offsets of \(topic)[\(partition)]")
  }

  /// Limits the versions of a request that the brokers accept; nil switches the request off.
  package func setVersions(
    _ request: Request, _ versions: ClosedRange<Int16>?
  ) throws(KafkaError) {
    try check(
      unsafe rd_kafka_mock_set_apiversion(
        raw, request.rawValue, versions?.lowerBound ?? -1, versions?.upperBound ?? -1),
      "limit the versions of a mock request")
  }
}
