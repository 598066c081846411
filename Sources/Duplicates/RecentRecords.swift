/// Identities of the last records that counted, each with a time: a ring in the order of arrival,
/// and a table that finds an identity in it.
///
///     ring         … free │ oldest │        │        │ newest │ free …    5 or 4 words a record:
///                         └─ generation 1 ─┘└─ generation 2 ─┘            identity, stamp
///     table        identity ─▶ place in the ring, with 8 bits of its hash
///
/// A record is forgotten with its **generation**: the records that arrived while the partition's
/// clock moved by 1/64 of `within`. So a record needs no second time of its own, and what is kept
/// is at most that much older than need be; whether a record that is still here is too old is seen
/// by its stamp.
///
/// An identity that comes again when it is too old to count is kept a second time; the table then
/// leads to the newer one.
///
/// **Invariants:** `count <= capacity <= countMax`; the generations' counts, none of them 0, add up
/// to `count`; the table holds for each identity in the ring the place of its newest record, and is
/// at most two thirds full. Nothing observable depends on the table's order or on the capacity.
///
/// Cost: O(1) a record, with one or two cache misses to look for one that is not there; forgetting
/// a generation is paid by the records in it. `bytesPerRecord` at the most, and half as much again
/// while it doubles.
struct RecentRecords: Sendable {
  /// Neighbours in the ring that are forgotten together. Times are the partition's clock, ms.
  struct Generation: Equatable, Sendable {
    var count: Int
    /// When its first record arrived …
    var beganMillis: Int64
    /// … and its last.
    var lastMillis: Int64
  }

  let keyWordCount: Int
  private let stride: Int
  private(set) var countMax: Int
  private(set) var generations: [Generation] = []
  private var ring: [UInt32] = []
  private var capacity = 0
  private var oldest = 0
  private(set) var count = 0
  /// `tag << 24 | place + 1`, or 0 where free.
  private var slots: [UInt32] = []

  private static let capacityMin = 1024
  private static let placeMask: UInt32 = 0xFF_FFFF
  /// Into which `within` is divided.
  static let generationShare: Int64 = 64

  init(keyWordCount: Int, countMax: Int) {
    precondition(
      keyWordCount == 3 || keyWordCount == 4, "an identity has 96 bits or 128")
    self.keyWordCount = keyWordCount
    stride = keyWordCount + 1
    self.countMax = countMax
    resize(to: min(Self.capacityMin, countMax))
  }

  /// Of the ring, and 1.5 slots.
  static func bytesPerRecord(keyWordCount: Int) -> Int { (keyWordCount + 1) * 4 + 6 }

  var byteCount: Int { (ring.count + slots.count) * 4 }

  // MARK: - Records

  /// The stamp of the newest record with this identity, or nil where none is remembered.
  func stamp(of identity: RecordIdentity) -> UInt32? {
    guard let slot = find(identity) else { return nil }
    return ring[place(in: slots[slot]) * stride + keyWordCount]
  }

  /// Adds a record; returns whether the oldest had to go before its time.
  ///
  /// - Parameters:
  ///   - stamp: what `stamp(of:)` shall say of it.
  ///   - clockMillis: never below the one before.
  ///   - spanMillis: how long a generation is.
  ///   - beginsGeneration: whether it must not share one with those before it.
  mutating func remember(
    _ identity: RecordIdentity, stamp: UInt32, clockMillis: Int64, spanMillis: Int64,
    beginsGeneration: Bool
  ) -> Bool {
    let isFull = count == countMax
    if isFull { forgetOldest() }
    if count == capacity { resize(to: min(capacity * 2, countMax)) }
    let place = wrapped(oldest + count)
    write(identity, stamp: stamp, at: place)
    count += 1
    enter(place, identity)
    if let last = generations.last, !beginsGeneration,
      clockMillis - last.beganMillis < spanMillis
    {
      generations[generations.count - 1].count += 1
      generations[generations.count - 1].lastMillis = clockMillis
    } else {
      generations.append(
        Generation(count: 1, beganMillis: clockMillis, lastMillis: clockMillis))
    }
    return isFull
  }

  /// The newest generation counts as having arrived at `clockMillis` only.
  mutating func renewNewestGeneration(at clockMillis: Int64) {
    if let last = generations.indices.last { generations[last].lastMillis = clockMillis }
  }

  /// Forgets the generations whose last record arrived before `millis`.
  mutating func forget(before millis: Int64) {
    var passed = 0
    while passed < generations.count, generations[passed].lastMillis < millis {
      for _ in 0..<generations[passed].count { drop() }
      passed += 1
    }
    if passed > 0 { generations.removeFirst(passed) }
  }

  /// Another bound; returns how many had to go for it.
  mutating func limit(to countMax: Int) -> Int {
    self.countMax = countMax
    var dropped = 0
    while count > countMax {
      forgetOldest()
      dropped += 1
    }
    if capacity > countMax { resize(to: countMax) }
    return dropped
  }

  /// The clock starts again: everything counts as having arrived just now.
  mutating func restamp(stamp: UInt32, clockMillis: Int64) {
    if count == 0 { return }
    for index in 0..<count { ring[wrapped(oldest + index) * stride + keyWordCount] = stamp }
    generations = [
      Generation(count: count, beganMillis: clockMillis, lastMillis: clockMillis)
    ]
  }

  private mutating func forgetOldest() {
    drop()
    generations[0].count -= 1
    if generations[0].count == 0 { generations.removeFirst() }
  }

  private mutating func drop() {
    leave(oldest)
    oldest = wrapped(oldest + 1)
    count -= 1
  }

  // MARK: - Ring

  private func wrapped(_ place: Int) -> Int { place < capacity ? place : place - capacity }

  private func identity(at place: Int) -> RecordIdentity {
    let word = place * stride
    let high = keyWordCount == 4 ? UInt64(ring[word + 3]) << 32 : 0
    return RecordIdentity(
      first: UInt64(ring[word]) | UInt64(ring[word + 1]) << 32,
      second: UInt64(ring[word + 2]) | high)
  }

  private mutating func write(_ identity: RecordIdentity, stamp: UInt32, at place: Int) {
    let word = place * stride
    ring[word] = UInt32(truncatingIfNeeded: identity.first)
    ring[word + 1] = UInt32(truncatingIfNeeded: identity.first >> 32)
    ring[word + 2] = UInt32(truncatingIfNeeded: identity.second)
    if keyWordCount == 4 { ring[word + 3] = UInt32(truncatingIfNeeded: identity.second >> 32) }
    ring[word + keyWordCount] = stamp
  }

  private mutating func resize(to capacity: Int) {
    let kept = words
    ring = kept + [UInt32](repeating: 0, count: capacity * stride - kept.count)
    oldest = 0
    self.capacity = capacity
    slots = Array(repeating: 0, count: capacity + (capacity + 1) / 2 + 1)
    for place in 0..<count { enter(place, identity(at: place)) }
  }

  // MARK: - Table

  private func place(in slot: UInt32) -> Int { Int(slot & Self.placeMask) - 1 }

  private func entry(_ place: Int, hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash) << 24 | UInt32(place + 1)
  }

  private func home(_ hash: UInt64) -> Int {
    Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(slots.count)) >> 32)
  }

  private func next(_ slot: Int) -> Int { slot + 1 == slots.count ? 0 : slot + 1 }

  private func find(_ identity: RecordIdentity) -> Int? {
    let hash = identity.hash
    let tag = UInt32(truncatingIfNeeded: hash) & 0xFF
    var slot = home(hash)
    while slots[slot] != 0 {
      if slots[slot] >> 24 == tag, self.identity(at: place(in: slots[slot])) == identity {
        return slot
      }
      slot = next(slot)
    }
    return nil
  }

  /// Makes the table lead to `place`; an older record of the identity loses its slot.
  private mutating func enter(_ place: Int, _ identity: RecordIdentity) {
    let hash = identity.hash
    if let known = find(identity) {
      slots[known] = entry(place, hash: hash)
      return
    }
    var slot = home(hash)
    while slots[slot] != 0 { slot = next(slot) }
    slots[slot] = entry(place, hash: hash)
  }

  /// Takes `place` out of the table, unless a newer record has its slot.
  private mutating func leave(_ place: Int) {
    let hash = identity(at: place).hash
    let wanted = entry(place, hash: hash)
    var slot = home(hash)
    while slots[slot] != wanted {
      if slots[slot] == 0 { return }
      slot = next(slot)
    }
    close(slot)
  }

  /// Frees a slot and moves those behind it up, so that every probe still reaches its goal (Knuth,
  /// The Art of Computer Programming 3, 6.4, algorithm R).
  private mutating func close(_ slot: Int) {
    var hole = slot
    var probe = next(slot)
    while slots[probe] != 0 {
      let home = home(identity(at: place(in: slots[probe])).hash)
      // Whether the way from home to probe leads over the hole.
      let isPassed = hole <= probe ? home <= hole || home > probe : home <= hole && home > probe
      if isPassed {
        slots[hole] = slots[probe]
        hole = probe
      }
      probe = next(probe)
    }
    slots[hole] = 0
  }
}

// MARK: - State snapshot

extension RecentRecords {
  /// The ring's words from the oldest record to the newest.
  var words: [UInt32] {
    let end = oldest + count
    if end <= capacity { return Array(ring[oldest * stride..<end * stride]) }
    return Array(ring[(oldest * stride)...]) + ring[..<((end - capacity) * stride)]
  }

  /// What `words` and `generations` were of; nil where they do not fit each other or the bound.
  init?(keyWordCount: Int, countMax: Int, words: [UInt32], generations: [Generation]) {
    self.init(keyWordCount: keyWordCount, countMax: countMax)
    let total = words.count / stride
    guard total * stride == words.count, total <= countMax,
      generations.reduce(0, { $0 + $1.count }) == total
    else { return nil }
    var previous = Int64.min
    for generation in generations {
      guard generation.count > 0, generation.beganMillis >= previous,
        generation.lastMillis >= generation.beganMillis
      else { return nil }
      previous = generation.lastMillis
    }
    var capacity = capacity
    while capacity < total { capacity = min(capacity * 2, countMax) }
    ring = words + [UInt32](repeating: 0, count: capacity * stride - words.count)
    self.capacity = capacity
    count = total
    self.generations = generations
    resize(to: capacity)
  }
}
