package import Base

/// Interns byte strings (device ids, attribute values, metric names) to dense indexes 0, 1, 2 …
/// in order of first appearance.
///
/// The words live back to back in one buffer; an open-addressing table of 32-bit indexes finds
/// them, seeded, because words come from outside (`HashSeed`). Copying is copy-on-write: looking up
/// a known word never copies, so a batch can carry a copy of the table it was decoded with while
/// the lane goes on using its own.
///
/// **Invariants:** `starts.count == count + 1`; `slots.count` is a power of two, at most half full;
/// indexes never change. Cost: one hash and on average 1.5 probes a look-up, no allocation for a
/// known word.
package struct WordTable: Sendable {
  /// Index of no word.
  package static let none = UInt32.max

  private var bytes: [UInt8] = []
  /// `starts[i]..<starts[i + 1]` are the bytes of word `i`.
  private var starts: [Int] = [0]
  /// `index + 1`, or 0 where free.
  private var slots: [UInt32]
  /// The high half of each word's hash, so that most unequal words differ without touching bytes.
  private var fingerprints: [UInt32] = []

  /// Of the hashes; nothing that leaves the table depends on it.
  private let seed: UInt64

  package init() { self.init(seed: HashSeed.word) }

  /// For tests: tables of other processes.
  init(seed: UInt64) {
    self.seed = seed
    slots = Array(repeating: 0, count: 64)
  }

  /// Most places that finding one of the words looks at, for tests.
  var longestProbeCount: Int {
    (0..<count).map { index in
      let mask = slots.count - 1
      var slot = Int(truncatingIfNeeded: hash(of: index)) & mask
      var probes = 1
      while slots[slot] != UInt32(index) + 1 {
        slot = (slot + 1) & mask
        probes += 1
      }
      return probes
    }.max() ?? 0
  }

  private func hash(of index: Int) -> UInt64 {
    let range = starts[index]..<starts[index + 1]
    return XXHash64.hash(unsafe bytes.span.bytes.extracting(range), seed: seed)
  }

  package var count: Int { starts.count - 1 }

  /// Bytes held, near enough for memory accounting.
  package var byteCount: Int {
    bytes.count + starts.count * 8 + slots.count * 4 + fingerprints.count * 4
  }

  /// The index of `word`, which is added if it is new.
  package mutating func intern(_ word: RawSpan) -> UInt32 {
    let hash = XXHash64.hash(word, seed: seed)
    if let known = find(word, hash: hash) { return known }
    return add(word, hash: hash)
  }

  /// The index of `word`, or nil if it has not been seen.
  package func index(of word: RawSpan) -> UInt32? {
    find(word, hash: XXHash64.hash(word, seed: seed))
  }

  package mutating func intern(_ text: String) -> UInt32 {
    let word = Array(text.utf8)
    return unsafe intern(word.span.bytes)
  }

  /// The bytes of a word, copied.
  package func bytes(of index: UInt32) -> ArraySlice<UInt8> {
    bytes[starts[Int(index)]..<starts[Int(index) + 1]]
  }

  /// All words back to back, and where each begins (one element more than words): the shape in
  /// which a Parquet column takes them. Shared with the table, not copied.
  package var storage: (bytes: [UInt8], starts: [Int]) { (bytes, starts) }

  package func text(of index: UInt32) -> String {
    String(decoding: bytes(of: index), as: UTF8.self)
  }

  /// All words' indexes in ascending order of their bytes (UTF-8 order is code point order).
  package func indexesInByteOrder() -> [UInt32] {
    (0..<UInt32(count)).sorted { precedes($0, $1) }
  }

  private func precedes(_ left: UInt32, _ right: UInt32) -> Bool {
    bytes(of: left).lexicographicallyPrecedes(bytes(of: right))
  }

  private func find(_ word: RawSpan, hash: UInt64) -> UInt32? {
    let mask = slots.count &- 1
    let fingerprint = UInt32(truncatingIfNeeded: hash >> 32)
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot] &- 1)
      if fingerprints[index] == fingerprint, equals(word, index: index) { return UInt32(index) }
      slot = (slot &+ 1) & mask
    }
    return nil
  }

  private func equals(_ word: RawSpan, index: Int) -> Bool {
    let start = starts[index]
    let length = starts[index + 1] - start
    guard word.byteCount == length else { return false }
    let stored = unsafe bytes.span.bytes.extracting(start..<start &+ length)
    var position = 0
    while position &+ 8 <= length {
      if unsafe stored.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
        != word.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
      {
        return false
      }
      position &+= 8
    }
    while position < length {
      if unsafe stored.unsafeLoad(fromByteOffset: position, as: UInt8.self)
        != word.unsafeLoad(fromByteOffset: position, as: UInt8.self)
      {
        return false
      }
      position &+= 1
    }
    return true
  }

  private mutating func add(_ word: RawSpan, hash: UInt64) -> UInt32 {
    precondition(count < Int(Self.none) - 1, "a word table holds at most 2^32 − 2 words")
    if (count + 1) * 2 > slots.count { grow() }
    let index = UInt32(count)
    for position in 0..<word.byteCount {
      bytes.append(unsafe word.unsafeLoad(fromByteOffset: position, as: UInt8.self))
    }
    starts.append(bytes.count)
    fingerprints.append(UInt32(truncatingIfNeeded: hash >> 32))
    place(index, hash: hash)
    return index
  }

  /// Takes back the words from `count` on: the next new word gets that index again.
  package mutating func removeWords(from count: Int) {
    while self.count > count {
      let index = self.count - 1
      let mask = slots.count - 1
      var slot = Int(truncatingIfNeeded: hash(of: index)) & mask
      while slots[slot] != UInt32(index) + 1 { slot = (slot + 1) & mask }
      // Placed last, also when the table grew: no other word's probes go on over its slot.
      slots[slot] = 0
      starts.removeLast()
      fingerprints.removeLast()
      bytes.removeLast(bytes.count - starts[index])
    }
  }

  private mutating func place(_ index: UInt32, hash: UInt64) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = index + 1
  }

  private mutating func grow() {
    slots = Array(repeating: 0, count: slots.count * 2)
    for index in 0..<count {
      place(UInt32(index), hash: hash(of: index))
    }
  }
}

// MARK: - State snapshot

extension WordTable {
  package func encode(into writer: inout ByteWriter) {
    writer.append(varint: UInt64(count))
    for index in 0..<UInt32(count) { writer.append(lengthPrefixed: Array(bytes(of: index))) }
  }

  /// Reads the words back in their order, so that every index keeps its meaning.
  package init(from reader: inout ByteReader) throws(ByteReaderError) {
    self.init()
    for _ in 0..<(try reader.readCount()) {
      let word = try reader.readLengthPrefixed()
      let expected = UInt32(count)
      guard unsafe intern(word.span.bytes) == expected else {
        throw .malformed(filePosition: reader.filePosition)
      }
    }
  }
}
