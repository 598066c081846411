/// The librdkafka properties that are not the user's to set, and why.
///
/// Aliases are listed beside the property they stand for: the library accepts either name.
enum OwnedProperty {
  /// Why a property is refused; nil if it is free.
  static func reason(_ name: String, role: KafkaProperties.Role) -> String? {
    if let reason = common[name] { return reason }
    return role == .consumer ? consumer[name] : producer[name]
  }

  private static let common: [String: String] = {
    var reasons: [String: String] = [:]
    add(
      ["bootstrap.servers", "metadata.broker.list"], "set `brokers` instead", to: &reasons)
    add(["client.id"], "it is derived from the instance's name", to: &reasons)
    add(
      ["log.queue", "log_level", "enabled_events", "opaque", "default_topic_conf", "interceptors"],
      "the program takes the library's log lines and events itself", to: &reasons)
    add(
      ["plugin.library.paths"], "code loaded into the process could read or change records",
      to: &reasons)
    add(
      ["test.mock.num.brokers"], "it would replace the brokers by a simulation in memory",
      to: &reasons)
    return reasons
  }()

  private static let consumer: [String: String] = {
    var reasons: [String: String] = [:]
    add(["group.id"], "set `group` instead", to: &reasons)
    add(
      ["group.protocol", "group.protocol.type", "group.remote.assignor"],
      "the hand-over of partitions is built on the classic protocol", to: &reasons)
    add(
      ["partition.assignment.strategy"],
      "it is cooperative-sticky, so that a rebalance stops only the partitions that move",
      to: &reasons)
    add(
      [
        "enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms",
        "enable.auto.offset.store", "offset.store.method", "offset.store.path",
        "offset.store.sync.interval.ms",
      ],
      "positions are kept in the ledger; group offsets follow each commit, for lag tools only",
      to: &reasons)
    add(
      ["auto.offset.reset"],
      "it is `error`: a position that Kafka no longer has is reported, never silently reset",
      to: &reasons)
    add(
      ["isolation.level"],
      "it is `read_committed`: records of aborted transactions must not reach the tables",
      to: &reasons)
    add(
      ["enable.partition.eof"], "the end of a partition moves the ledger's positions",
      to: &reasons)
    add(
      ["statistics.interval.ms"], "lag and queue figures of `/metrics` come from it", to: &reasons)
    add(
      ["queued.min.messages", "queued.max.messages.kbytes", "fetch.queue.backoff.ms"],
      "prefetching is bounded by the program's own memory limit", to: &reasons)
    add(
      ["consume_cb", "rebalance_cb", "offset_commit_cb", "consume.callback.max.messages"],
      "the program takes records and rebalances itself", to: &reasons)
    return reasons
  }()

  private static let producer: [String: String] = {
    var reasons: [String: String] = [:]
    add(
      ["dr_cb", "dr_msg_cb", "delivery.report.only.error", "partitioner_cb", "msg_order_cmp"],
      "the program takes delivery reports itself", to: &reasons)
    add(["transactional.id"], "the producer does not use transactions", to: &reasons)
    return reasons
  }()

  private static func add(
    _ names: [String], _ reason: String, to reasons: inout [String: String]
  ) {
    for name in names { reasons[name] = reason }
  }
}
