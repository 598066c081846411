/// The levels of one data page; nil where the column has none of the kind.
struct PageLevels {
  let count: Int
  var repetition: PageInput?
  var definition: PageInput?

  init(count: Int) { self.count = count }
}

/// Gathers the levels of a nested column's chunk, page by page.
///
/// **Invariants:** no level is above its maximum; the first repetition level of the chunk is 0.
struct LevelsBuilder {
  private(set) var definition: [UInt8] = []
  private(set) var repetition: [UInt8] = []

  /// Adds a page; returns how many of its entries have a value.
  mutating func append(_ page: inout PageLevels, of leaf: LeafColumn) throws(PageFault) -> Int {
    let first = definition.count
    if page.repetition != nil {
      try Self.append(
        &page.repetition!, count: page.count, levelMax: leaf.repetitionLevelMax, to: &repetition)
      guard first > 0 || repetition[0] == 0 else {
        throw .malformed("a chunk that begins inside a row")
      }
    }
    guard page.definition != nil else {
      definition.append(contentsOf: repeatElement(0, count: page.count))
      return page.count
    }
    try Self.append(
      &page.definition!, count: page.count, levelMax: leaf.definitionLevelMax, to: &definition)
    let presentLevel = UInt8(leaf.definitionLevelMax)
    var presentCount = 0
    for entry in first..<definition.count where definition[entry] == presentLevel {
      presentCount += 1
    }
    return presentCount
  }

  /// The leaf's slots: entries whose definition level is `slotLevel` at least. A slot has a value
  /// where it is `presentLevel`.
  func slots(from slotLevel: Int, presentLevel: Int) -> (count: Int, validity: [UInt64]) {
    var count = 0
    var validity: [UInt64] = []
    for level in definition where Int(level) >= slotLevel {
      if count & 63 == 0 { validity.append(0) }
      if Int(level) == presentLevel { validity[count >> 6] |= 1 &<< UInt64(count & 63) }
      count += 1
    }
    return (count, validity)
  }

  private static func append(
    _ input: inout PageInput, count: Int, levelMax: Int, to levels: inout [UInt8]
  ) throws(PageFault) {
    var wide: [UInt32] = []
    try RunLengthDecoding.appendIndexes(
      of: &input, width: BitPacking.width(of: UInt64(levelMax)), count: count,
      below: levelMax + 1, to: &wide)
    try input.requireEnd(of: "levels")
    levels.append(addingCapacity: count) { output in
      for level in wide { output.append(UInt8(truncatingIfNeeded: level)) }
    }
  }
}
