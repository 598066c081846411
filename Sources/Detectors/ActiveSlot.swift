import Telemetry

/// Something that goes on for one (device, metric, detector): a violation that does not count yet,
/// or an anomaly that is open. Most series have none, so none of this is kept for them.
struct ActiveSlot: Equatable, Sendable {
  /// Which of a device's slots: the metric's index (schema column or vocabulary), or
  /// `WordTable.none` for silence, and the definition's index.
  struct Key: Equatable, Comparable, Sendable {
    let metric: UInt32
    let definition: UInt32

    private var order: UInt64 { UInt64(metric) << 32 | UInt64(definition) }

    static func < (left: Key, right: Key) -> Bool { left.order < right.order }
  }

  var key: Key
  /// The worst it came to; nil while nothing is open.
  var severity: AnomalyEvent.Severity?
  /// Of the anomaly; while none is open, of the cap's anomaly that counted it as refused, or 0.
  var id: UInt64 = 0
  var openingOffset: Int64 = 0
  /// Event time since when it lasts: of the earliest violating reading, of the bucket that opened
  /// it, or the partition's clock when a silent device was last heard.
  var since: Int64 = 0
  /// What its rows said last; nothing while nothing is open.
  var told = LastStep()

  // Limits only.
  var violating = ReadingRun()
  var critical = ReadingRun()
  var clear = ReadingRun()
  /// The violating value farthest beyond the bounds.
  var worst = 0.0
  /// Violating readings since the run began that opened it.
  var violationCount: Int64 = 0

  init(key: Key) { self.key = key }
}

/// What the rows of an open anomaly have said, for whoever asks what is open.
struct LastStep: Equatable, Sendable {
  /// Event time of the row that opened it; `EventTime.none` in states of older programs.
  var openedAt = EventTime.none
  /// What was judged in the last step, and what it was held against: finite, or nil.
  var value: Double?
  var expected: Double?

  /// Takes the step that opened the anomaly, or a later one.
  mutating func take(_ finding: Finding) {
    if finding.state == .opened { openedAt = finding.eventTime }
    value = finding.value?.ifFinite
    expected = finding.expected?.ifFinite
  }
}

extension ActiveSlot {
  /// What a reading did to a limit.
  enum Step: Equatable {
    case none
    /// The violation has lasted long enough: it asks to be opened, at every reading anew.
    case open(AnomalyEvent.Severity)
    case escalate
    case close
    /// A violation ended before it counted: nothing is left.
    case lapse
  }

  /// Takes one finite value.
  mutating func observe(_ value: Double, at time: Int64, _ plan: LimitsPlan) -> Step {
    guard let violation = plan.violation(value) else {
      violating = ReadingRun()
      critical = ReadingRun()
      if severity == nil { return .lapse }
      guard plan.isClear(value) else {
        clear = ReadingRun()
        return .none
      }
      clear.extend(to: time)
      return plan.isMet(clear, at: time) ? .close : .none
    }
    clear = ReadingRun()
    since = violationCount == 0 ? time : min(since, time)
    if violationCount == 0 || plan.excess(value) > plan.excess(worst) { worst = value }
    violationCount &+= 1
    violating.extend(to: time)
    if violation == .critical { critical.extend(to: time) } else { critical = ReadingRun() }
    let isCritical = violation == .critical && plan.isMet(critical, at: time)
    switch severity {
    case .critical: return .none
    case .warning: return isCritical ? .escalate : .none
    case nil:
      if isCritical { return .open(.critical) }
      return plan.isMet(violating, at: time) ? .open(.warning) : .none
    }
  }
}

/// The active slots of one device, by key. Small: a binary search finds one.
///
/// **Invariants:** keys ascend strictly.
struct SlotList: Equatable, Sendable {
  private(set) var slots: [ActiveSlot] = []

  var byteCount: Int { slots.capacity * MemoryLayout<ActiveSlot>.stride }

  /// Where the slot is, or where it would have to be inserted.
  func find(_ key: ActiveSlot.Key) -> (index: Int, exists: Bool) {
    var (low, high) = (0, slots.count)
    while low < high {
      let middle = (low + high) / 2
      if slots[middle].key < key { low = middle + 1 } else { high = middle }
    }
    return (low, low < slots.count && slots[low].key == key)
  }

  subscript(index: Int) -> ActiveSlot {
    _read { yield slots[index] }
    _modify { yield &slots[index] }
  }

  mutating func insert(_ slot: ActiveSlot, at index: Int) { slots.insert(slot, at: index) }

  mutating func remove(at index: Int) { slots.remove(at: index) }

  /// Adds a slot behind all others; false where its key does not belong there.
  mutating func append(_ slot: ActiveSlot) -> Bool {
    if let last = slots.last, last.key >= slot.key { return false }
    slots.append(slot)
    return true
  }

  /// Gives slots the keys of other definitions and drops those without one.
  mutating func rekey(definitions: [Int?]) {
    slots = slots.compactMap { slot in
      guard let definition = definitions[Int(slot.key.definition)] else { return nil }
      var moved = slot
      moved.key = ActiveSlot.Key(metric: slot.key.metric, definition: UInt32(definition))
      return moved
    }
    slots.sort { $0.key < $1.key }
  }

  /// Moves what goes on for a metric to where that metric stands now; returns what went on for
  /// metrics that are gone.
  mutating func rekey(metrics places: [Int?]) -> [ActiveSlot] {
    var gone: [ActiveSlot] = []
    slots = slots.compactMap { slot in
      if slot.key.metric == WordTable.none { return slot }
      guard let place = places[Int(slot.key.metric)] else {
        gone.append(slot)
        return nil
      }
      var moved = slot
      moved.key = ActiveSlot.Key(metric: UInt32(place), definition: slot.key.definition)
      return moved
    }
    slots.sort { $0.key < $1.key }
    return gone
  }
}
