import Base

/// How often, and how long, the simulated brokers and clients misbehave. All zero: a perfect
/// cluster. May be changed at any time during a run.
///
/// Chances are in 0 ... 1, each per occasion its line names. What a real client is known to do is
/// above the mark; below it stands what the client's documentation promises never to do.
struct BrokerFaults: Sendable {
  // MARK: Deliveries

  /// A partition is taken away or given back: some of its prefetched records come all the same, to
  /// its old lane, up to `delayMillisMax` later (confluentinc/librdkafka#1359). Where the lane has
  /// got the partition again meanwhile they come before its records, as in a queue.
  var staleDelivery = 0.0
  /// A `seek` returns: records below the offset sought come first.
  var staleBelowSeek = 0.0
  /// A run of records is delivered: part of it, or of what lay before it, comes again.
  var duplicateDelivery = 0.0
  /// A partition is assigned: its first records are missing, until somebody asks for them
  /// (confluentinc/librdkafka#2190).
  var forwardJump = 0.0
  /// A run of records is delivered: the partition's next one lets up to `delayMillisMax` pass.
  var delayedBatch = 0.0

  // MARK: Group

  /// A `poll`: an error event, or a lane's fault, that means nothing.
  var spuriousError = 0.0
  /// A `poll`: the group drops the member, whose client hears of it at its next heartbeat.
  var eviction = 0.0
  /// A `leaveGroup`: the answer does not come in time, what is held counts as lost.
  var unansweredLeave = 0.0

  // MARK: Requests

  /// A client is made: it cannot be, and nothing would change that soon.
  var failedConnect = 0.0
  /// A control call: it fails at once with something that may pass.
  var failedRequest = 0.0
  /// A control call: its answer lets up to `slowMillisMax` pass, and may be too late.
  var slowAnswer = 0.0
  /// A `seek`: it reports a time-out; half of them have moved the partition all the same.
  var failedSeek = 0.0
  /// Group offsets are committed: it fails, half of the times only later, by an event.
  var failedGroupCommit = 0.0

  // MARK: Sizes

  /// Most records of one stale delivery, duplicate or jump.
  var recordCountMax = 20
  var delayMillisMax = 1000
  var slowMillisMax = 2000

  // MARK: Beyond what the client promises

  /// A `seek` returns: records from where the partition stood before come first. A pipeline that
  /// has asked a second time believes what it is given: with this one, offsets may go missing.
  var staleAboveSeek = 0.0
  /// A `seek` returns: the first records from the offset sought are missing. As above.
  var jumpAfterSeek = 0.0
}

/// The clocks of the simulated group, milliseconds. Shorter than real ones where nothing depends
/// on it, so that a simulated minute holds many rebalances.
struct BrokerTiming: Sendable {
  /// A member that is silent for longer is dropped: `session.timeout.ms`.
  var sessionTimeoutMillis = 6000
  /// Members hear of rebalances, and of their own death, this often at least:
  /// `heartbeat.interval.ms`.
  var heartbeatMillis = 500
  /// From the cause of a rebalance to the new assignment, at most.
  var rebalanceMillis = 300
  /// A client that is not polled for longer leaves the group: `max.poll.interval.ms`.
  var pollIntervalMillis = 300_000
  var statisticsMillis = 2000
}

extension SplitMix64 {
  /// True with the given chance; draws nothing where that is zero, so that a fault switched off
  /// leaves the rest of a run as it was.
  mutating func happens(_ chance: Double) -> Bool {
    chance > 0 && Double.random(in: 0..<1, using: &self) < chance
  }

  /// Nanoseconds of a random time below `millis`.
  mutating func nanos(below millis: Int) -> Int64 {
    Int64.random(in: 0..<max(1, Int64(millis) * 1_000_000), using: &self)
  }
}
