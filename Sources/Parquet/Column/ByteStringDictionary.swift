import Base

/// Builds the dictionary of a chunk of strings from references into `ByteStrings`.
///
/// **Invariants:** between chunks every element of `numbers` is `unnumbered`, so that a dictionary
/// of many words costs a chunk only what it uses of it.
struct ByteStringDictionaryBuilder {
  private static let unnumbered = UInt32.max

  /// Entry number of each word of the caller's dictionary.
  private var numbers: [UInt32] = []
  /// The words that got a number, in that order.
  private var usedWords: [UInt32] = []

  /// Numbers the words referred to in order of first use, until the entries would exceed
  /// `byteCountMax`. The dictionary is left empty where it does not pay.
  mutating func build(
    _ values: ByteStringValues, byteCountMax: Int, into dictionary: inout ChunkDictionary
  ) {
    if numbers.count < values.strings.count {
      let missing = values.strings.count - numbers.count
      numbers.append(contentsOf: repeatElement(Self.unnumbered, count: missing))
    }
    let plainByteCount = number(values, byteCountMax: byteCountMax, into: &dictionary)
    for word in usedWords { numbers[Int(word)] = Self.unnumbered }
    usedWords.removeAll(keepingCapacity: true)
    if dictionary.byteCountMax >= plainByteCount { dictionary.removeAll() }
  }

  // MARK: - Hot loops

  /// Returns how many bytes the values that got an index would take without a dictionary.
  private mutating func number(
    _ values: ByteStringValues, byteCountMax: Int, into dictionary: inout ChunkDictionary
  ) -> Int {
    let references = values.references.span
    var plainByteCount = 0
    var previousWord = Self.unnumbered
    var previousNumber: UInt32 = 0
    var previousByteCount = 0
    var entryCount = dictionary.entryCount
    dictionary.indexes.reserveCapacity(references.count)
    for position in references.indices {
      let word = references[position]
      if word != previousWord {
        previousByteCount = 4 + values.strings.byteCount(of: Int(word))
        previousNumber = numbers[Int(word)]
        if previousNumber == Self.unnumbered {
          if dictionary.page.count + previousByteCount > byteCountMax { break }
          previousNumber = UInt32(truncatingIfNeeded: entryCount)
          numbers[Int(word)] = previousNumber
          usedWords.append(word)
          dictionary.page.append(plain: Int(word), of: values.strings)
          entryCount += 1
        }
        previousWord = word
      }
      dictionary.indexes.append(previousNumber)
      plainByteCount &+= previousByteCount
    }
    dictionary.entryCount = entryCount
    return plainByteCount
  }
}

/// Finds strings that occur more than once among strings that nobody interned.
enum RepeatedStrings {
  private static let sampleCountMax = 1024
  /// A dictionary is worth looking for when strings occur at least twice on average.
  private static let valuesPerEntryMin = 2

  /// The references with every string's replaced by that of its first occurrence, if a sample
  /// says that strings repeat often enough for a dictionary; else nil.
  static func firstOccurrences(
    of references: [UInt32], in strings: ByteStrings, table: inout ValueTable
  ) -> [UInt32]? {
    let sampleCount = min(references.count, sampleCountMax)
    var hashes: [Int64] = []
    for index in 0..<sampleCount {
      let reference = references[index * references.count / sampleCount]
      hashes.append(Int64(bitPattern: hash(Int(reference), in: strings)))
    }
    let sample = ValueSample(hashes.span, table: &table)
    let distinctCount = ValueSample.estimate(
      distinctSeen: sample.distinctCount, sampleCount: sampleCount, valueCount: references.count)
    if distinctCount > references.count / valuesPerEntryMin { return nil }
    return deduplicate(references, in: strings)
  }

  private static func hash(_ index: Int, in strings: ByteStrings) -> UInt64 {
    let range = strings.starts[index]..<strings.starts[index + 1]
    return unsafe XXHash64.hash(strings.bytes.span.bytes.extracting(range))
  }

  // MARK: - Hot loops

  private static func deduplicate(_ references: [UInt32], in strings: ByteStrings) -> [UInt32] {
    var slotCount = 64
    while slotCount < references.count * 2 { slotCount *= 2 }
    // A reference + 1, or 0 where free.
    var slots = [UInt32](repeating: 0, count: slotCount)
    var first = references
    for position in references.indices {
      let reference = references[position]
      var slot = Int(truncatingIfNeeded: hash(Int(reference), in: strings)) & (slotCount - 1)
      while slots[slot] != 0 && !strings.areEqual(Int(slots[slot] - 1), Int(reference)) {
        slot = (slot + 1) & (slotCount - 1)
      }
      if slots[slot] == 0 { slots[slot] = reference + 1 }
      first[position] = slots[slot] - 1
    }
    return first
  }
}

extension ByteStrings {
  fileprivate func areEqual(_ left: Int, _ right: Int) -> Bool {
    if left == right { return true }
    return bytes[starts[left]..<starts[left + 1]] == bytes[starts[right]..<starts[right + 1]]
  }
}
