internal import Base
internal import CRdkafka
internal import Telemetry

/// One librdkafka client in a consumer group, with one record queue a lane.
///
///     brokers ─▶ librdkafka's threads ─┬─▶ lane 0's queue ─▶ LaneQueue ─▶ lane thread 0
///                                      ├─▶ lane 1's queue ─▶ LaneQueue ─▶ lane thread 1
///                                      └─▶ control queue  ─▶ poll()    ─▶ control thread
///
/// A partition is forwarded to its lane's queue *before* it is assigned, so that no record of it
/// ever comes by another way. It always starts at an offset the delegate gives: the group's
/// committed offsets are never read back, and a position that Kafka no longer has is an answer
/// (`RecordHeader.Kind.positionLost`), never a silent reset.
///
/// Records may come twice after a rebalance or a seek (known of librdkafka 2.0 to 2.8); the lane
/// checks each partition's expected offset, drops what lies below and asks `seek` for a second
/// look at a jump.
///
/// **Threads:** `subscribe`, `poll`, `leaveGroup` and `close` belong to one control thread, which
/// must call `poll` at least every `max.poll.interval.ms` (300 s by default) or the group drops us;
/// its polling counts even while no lane drains. Each `LaneQueue` belongs to its lane's thread.
/// Everything else may be called from any thread before `close`.
///
/// The process must ignore SIGPIPE: TLS connections write without suppressing it.
///
/// **Invariants:** `held` = partitions assigned to the client and not unassigned yet; `close` is
/// called before the last reference goes, after the lanes' threads have ended.
@safe
package final class KafkaConsumer: @unchecked Sendable {
  // @unchecked because the thread rule above is the caller's; the C client locks for itself.

  /// The lanes' queues, by lane.
  private let lanes: [LaneQueue]
  /// Nil after `close`.
  private var client: SharedClient?
  private var controlQueue: QueueHandle?
  /// Nil after the group was left: it usually refers back to whoever holds the consumer.
  var delegate: (any RebalanceDelegate)?
  var held: Set<TopicPartition> = []
  private var isSubscribed = false
  /// Whether the group has assigned us anything yet.
  var wasAssigned = false
  /// Events of the `poll` or `leaveGroup` under way.
  var pendingEvents: [ConsumerEvent] = []

  // MARK: Life

  /// Starts the client; connects in the background.
  ///
  /// Throws if a property is not accepted (see `KafkaProperties.faults` for all of them at once)
  /// or the process is out of threads.
  package init(
    _ options: Options, rebalance delegate: any RebalanceDelegate
  ) throws(KafkaError) {
    precondition(options.laneCount > 0, "a consumer needs at least one lane")
    let handle = try ClientHandle(options.makeConf(), RD_KAFKA_CONSUMER, log: options.log)
    // Everything that is not a record comes through one queue: errors and statistics too.
    try check(
      unsafe rd_kafka_poll_set_consumer(handle.raw), "serve events by the consumer's queue")
    let waker = options.wakesFetchers ? FetchWaker(properties: options.properties) : nil
    let client = SharedClient(handle, waker: waker)
    self.client = client
    controlQueue = unsafe QueueHandle(adopting: rd_kafka_queue_get_consumer(client.raw))
    self.delegate = delegate
    lanes = (0..<options.laneCount).map { _ in
      LaneQueue(
        client, messageCountMax: options.queueMessageCountMax,
        byteCountMax: options.queueByteCountMax)
    }
  }

  deinit {
    precondition(client == nil, "a KafkaConsumer must be closed before it is let go")
  }

  /// Joins the group for these topics, replacing an earlier subscription. Partitions arrive through
  /// the delegate in later polls.
  package func subscribe(_ topics: [String]) throws(KafkaError) {
    let list = PartitionListHandle(topics.map { TopicPartition(topic: $0, partition: -1) })
    isSubscribed = true
    try check(
      unsafe rd_kafka_subscribe(openClient.raw, list.raw),
      "subscribe to \(topics.joined(separator: ", "))")
  }

  /// Carries out what is due (rebalances through the delegate) and returns what happened.
  ///
  /// Waits up to `timeoutMillis` for the first event, then takes what else is there, at most
  /// `eventCountMax`.
  package func poll(timeoutMillis: Int32) -> [ConsumerEvent] {
    precondition(client != nil, Self.closedSentence)
    pendingEvents.removeAll()
    var timeout = timeoutMillis
    for _ in 0..<Self.eventCountMax {
      guard let event = controlQueue?.poll(timeoutMillis: timeout) else { break }
      handle(event)
      timeout = 0
    }
    return pendingEvents
  }

  /// Bounds the work of one poll, so that its caller stays in control.
  private static let eventCountMax = 256

  /// Leaves the group: the delegate's `revoked` is called for what is held, then the other members
  /// take over without waiting for a time-out. The lanes must still be running, to answer the
  /// delegate. After `timeoutMillis` it gives up: what is still held is `lost`, and the group finds
  /// out by itself. `isClean` says that the time sufficed; the events are what happened meanwhile.
  @discardableResult
  package func leaveGroup(timeoutMillis: Int) -> (events: [ConsumerEvent], isClean: Bool) {
    pendingEvents.removeAll()
    let client = openClient
    guard delegate != nil else { return ([], unsafe rd_kafka_consumer_closed(client.raw) != 0) }
    let closing = QueueHandle(of: client.handle)
    if let error = unsafe ErrorHandle(
      adopting: rd_kafka_consumer_close_queue(client.raw, closing.raw))
    {
      pendingEvents.append(.error(error.converted("leave the group")))
    } else {
      let deadlineNanos = MonotonicClock.nowNanos() + Int64(timeoutMillis) * 1_000_000
      while unsafe rd_kafka_consumer_closed(client.raw) == 0,
        MonotonicClock.nowNanos() < deadlineNanos
      {
        if let event = closing.poll(timeoutMillis: 20) { handle(event) }
      }
    }
    if !held.isEmpty {
      delegate?.lost(held.sorted())
      held.removeAll()
    }
    delegate = nil
    return (pendingEvents, unsafe rd_kafka_consumer_closed(client.raw) != 0)
  }

  /// Ends the client, leaving the group first if `leaveGroup` was not called. The lanes' threads
  /// must have ended: their queues' records and errors are gone after this. Blocks until the
  /// library's threads have ended, usually milliseconds.
  ///
  /// A client that left the group before it was ever assigned anything is kept until the process
  /// ends where the library could not destroy it: a few idle threads for each such start. One that
  /// does not end within some seconds is left to itself: with topics deleted under a running
  /// consumer librdkafka 2.0 waits for ever for a thread of its own.
  package func close(timeoutMillis: Int = 5000) {
    if client == nil { return }
    leaveGroup(timeoutMillis: timeoutMillis)
    for lane in lanes { lane.shut() }
    controlQueue = nil
    guard let last = detachClient() else { return }
    let isTooEarly = !wasAssigned && !LibraryVersion.survivesDestroyBeforeAssignment
    if !(isSubscribed && isTooEarly) { last.end(withinMillis: Self.endMillis) }
  }

  /// Longer than any end that comes.
  private static let endMillis = 3_000

  /// The last reference to the client, out of the hands of ARC.
  private func detachClient() -> LastReference? {
    guard let client else { return nil }
    self.client = nil
    return unsafe LastReference(Unmanaged.passRetained(client))
  }

  // MARK: Access

  /// The queue of a lane.
  package func lane(_ index: Int) -> LaneQueue { lanes[index] }

  var laneCount: Int { lanes.count }

  var openClient: SharedClient {
    guard let client else { preconditionFailure(Self.closedSentence) }
    return client
  }

  @unsafe var openControlQueue: OpaquePointer? { unsafe controlQueue?.raw }

  private static let closedSentence = "a KafkaConsumer must not be used after close"

  /// Lets the fetchers look at the lanes' queues at once. The lanes do it by themselves as they
  /// drain; this is for a control thread that has reason to. Cheap, never blocks, any thread.
  package func wakeFetchers() { openClient.wakeFetchers() }
}

/// A client that nobody uses any more and that is not destroyed yet.
@safe
private struct LastReference: @unchecked Sendable {
  // @unchecked because it is released once, by the thread that `end` starts.
  private let client: Unmanaged<SharedClient>

  init(_ client: Unmanaged<SharedClient>) { unsafe self.client = client }

  /// Destroys the client on a thread of its own, and waits for that no longer than given.
  func end(withinMillis millis: Int) {
    let hasEnded = Monitor(false)
    _ = WorkerThread(name: "client-end") {
      unsafe client.release()
      hasEnded.update { $0 = true }
    }
    _ = hasEnded.wait(timeoutMillis: millis) { $0 ? true : nil }
  }
}
