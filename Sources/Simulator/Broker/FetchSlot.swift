import Base
import Telemetry

/// Something a drain hands over: a record, or what is said about a partition.
struct Delivery: Sendable {
  var kind = RecordHeader.Kind.record
  /// Place of the partition in its lane.
  let slot: Int
  let offset: Int64
  /// Nil where `kind` is no record.
  var record: SimulatedRecord?
}

/// One partition in one lane of a client: where it is fetched from, and what is on its way.
///
///     strays ─▶ records from `position` on ─▶ end of partition        (in this order, always)
///
/// A slot stays when its partition goes, as the place of the partition in the lane does.
struct FetchSlot: Sendable {
  let partition: TopicPartition
  /// Whether the partition is the client's and forwarded to this lane.
  private(set) var isHeld = false
  /// Next offset to be delivered.
  private(set) var position: Int64 = 0
  /// `position` does not exist: nothing is fetched until the partition is assigned anew.
  private(set) var isLost = false
  /// The topic was taken away under it: as above, but without a word.
  var isStopped = false
  /// End offset that was told last.
  private var toldEnd: Int64?
  /// Offsets left out of the next delivery.
  private var jump: Int64 = 0
  /// Nothing comes before.
  private var dueNanos: Int64 = 0
  /// How far deliveries go while nothing is fetched: what was fetched ahead.
  var prefetchedUntil: Int64 = 0
  /// Records wait behind a silence that was noted already.
  private var isStalled = false
  /// Records of an earlier position that come first, and not before their time.
  private var strays: [(offset: Int64, record: SimulatedRecord)] = []
  private var straysDueNanos: Int64 = 0

  init(_ partition: TopicPartition) { self.partition = partition }

  // MARK: - Positions

  /// Assigned: from here on.
  ///
  /// - Parameter jump: offsets to leave out at first; none where records stray: one of those may
  ///   be the record expected, and no reader asks again after it has got that one.
  mutating func start(at offset: Int64, jump: Int64) {
    isHeld = true
    isLost = false
    isStopped = false
    move(to: offset, jump: strays.isEmpty ? jump : 0)
  }

  mutating func move(to offset: Int64, jump: Int64) {
    position = offset
    self.jump = jump
    toldEnd = nil
    dueNanos = 0
  }

  /// Given back or lost.
  mutating func release() {
    isHeld = false
    jump = 0
  }

  /// Lets records of `range` come before anything else; replaces what strayed before.
  mutating func stray(_ range: Range<Int64>, of log: PartitionLog, dueNanos: Int64) {
    strays = log.records(in: range.clamped(to: log.beginning..<log.end))
    straysDueNanos = dueNanos
  }

  mutating func dropStrays() { strays = [] }

  // MARK: - Delivery

  /// What surrounds a delivery.
  struct Occasion {
    var nowNanos: Int64
    /// No broker answers, or none is asked: only what was fetched ahead can come.
    var isSilent: Bool
    /// Nothing is asked for.
    var isPaused: Bool
    /// Most records of this run.
    var countMax: Int
    /// Most entries that `deliveries` may come to hold.
    var deliveryCountMax: Int
    var faults: BrokerFaults
  }

  /// Delivers a run; appends to `deliveries`, and to `notes` what was wrong with it.
  mutating func take(
    _ log: PartitionLog?, slot: Int, _ occasion: Occasion, random: inout SplitMix64,
    into deliveries: inout [Delivery], notes: inout [FaultKind]
  ) {
    if !strays.isEmpty {
      guard occasion.nowNanos >= straysDueNanos else { return }
      let room = max(0, occasion.deliveryCountMax - deliveries.count)
      for stray in strays.prefix(room) {
        deliveries.append(Delivery(slot: slot, offset: stray.offset, record: stray.record))
      }
      strays.removeFirst(min(room, strays.count))
      notes.append(.staleDelivery)
      if !strays.isEmpty { return }
    }
    guard isHeld, !isLost, !isStopped, occasion.nowNanos >= dueNanos, let log else { return }
    guard position >= log.beginning, position <= log.end else {
      if occasion.isSilent || deliveries.count >= occasion.deliveryCountMax { return }
      isLost = true
      deliveries.append(Delivery(kind: .positionLost, slot: slot, offset: position))
      return
    }
    var limit = log.end
    if occasion.isSilent { limit = min(limit, prefetchedUntil) }
    if position < limit {
      takeRun(log, limit, slot: slot, occasion, random: &random, &deliveries, &notes)
    } else if position < log.end, !isStalled, !occasion.isPaused {
      isStalled = true
      notes.append(.slowBroker)
    }
    if position == log.end, toldEnd != position, !occasion.isSilent,
      deliveries.count < occasion.deliveryCountMax
    {
      toldEnd = position
      deliveries.append(Delivery(kind: .endOfPartition, slot: slot, offset: position))
    }
  }

  private mutating func takeRun(
    _ log: PartitionLog, _ limit: Int64, slot: Int, _ occasion: Occasion,
    random: inout SplitMix64, _ deliveries: inout [Delivery], _ notes: inout [FaultKind]
  ) {
    isStalled = false
    if jump > 0 {
      let target = min(limit, position + jump)
      if !log.records(in: position..<target).isEmpty { notes.append(.forwardJump) }
      position = target
      jump = 0
    }
    let room = max(0, occasion.deliveryCountMax - deliveries.count)
    let run = position..<min(limit, position + Int64(min(occasion.countMax, room)))
    let records = log.records(in: run)
    if records.count < run.count { notes.append(.transactionMarker) }
    for record in records {
      deliveries.append(Delivery(slot: slot, offset: record.offset, record: record.record))
    }
    position = run.upperBound
    if random.happens(occasion.faults.duplicateDelivery) {
      let back = Int64.random(in: 1...Int64(occasion.faults.recordCountMax), using: &random)
      let again = log.records(in: max(log.beginning, position - back)..<position)
        .prefix(max(0, occasion.deliveryCountMax - deliveries.count))
      for record in again {
        deliveries.append(Delivery(slot: slot, offset: record.offset, record: record.record))
      }
      if !again.isEmpty { notes.append(.duplicateDelivery) }
    }
    if random.happens(occasion.faults.delayedBatch) {
      dueNanos = occasion.nowNanos + random.nanos(below: occasion.faults.delayMillisMax)
      notes.append(.slowBroker)
    }
  }
}
