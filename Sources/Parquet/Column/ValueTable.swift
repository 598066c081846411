/// Numbers fixed-width values 0, 1, 2 … in order of first use: the dictionary of a column chunk.
///
/// Open addressing with linear probing over 32-bit entry numbers; no hasher, no allocation once
/// the arrays have grown to a file's needs.
///
/// **Invariants:** `slots.count` is a power of two and at least twice `entries.count`; a slot is 0
/// or an entry's number + 1. Cost: 2–8 ns a value, by whether the table fits the cache; a value
/// equal to the one before costs a comparison.
struct ValueTable {
  private(set) var entries: [UInt64] = []
  private var slots: [UInt32] = []

  /// Empties the table and makes it large enough for about `entryCount` entries.
  mutating func reset(expecting entryCount: Int) {
    entries.removeAll(keepingCapacity: true)
    var slotCount = 64
    while slotCount < entryCount * 2 { slotCount *= 2 }
    slots.removeAll(keepingCapacity: true)
    slots.append(contentsOf: repeatElement(0, count: slotCount))
  }

  /// Appends the entry number of each value to `indexes`, up to the first value for which more
  /// than `entryCountMax` entries would be needed.
  mutating func number<Value: FixedWidthValue>(
    _ values: Span<Value>, entryCountMax: Int, into indexes: inout [UInt32]
  ) {
    var start = 0
    while start < values.count {
      // As many entries as there may be before the table has to grow.
      let room = min(slots.count / 2, entryCountMax)
      start += Self.number(
        values.extracting(start..<values.count), entryCountMax: room, slots: &slots,
        entries: &entries, into: &indexes)
      if start < values.count {
        if entries.count >= entryCountMax { return }
        grow()
      }
    }
  }

  private mutating func grow() {
    let slotCount = slots.count * 2
    slots.removeAll(keepingCapacity: true)
    slots.append(contentsOf: repeatElement(0, count: slotCount))
    for (index, bits) in entries.enumerated() {
      var slot = Self.slot(of: bits, slotCount: slotCount)
      while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
      slots[slot] = UInt32(index + 1)
    }
  }

  // MARK: - Hot loops

  /// Fibonacci hashing after folding the high half in: doubles differ in their high bits only.
  @inline(__always)
  private static func slot(of bits: UInt64, slotCount: Int) -> Int {
    let hash = (bits ^ bits >> 32) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: hash >> 32) & (slotCount &- 1)
  }

  /// Numbers values until one more entry than allowed would be needed; returns how many it did.
  private static func number<Value: FixedWidthValue>(
    _ values: Span<Value>, entryCountMax: Int, slots: inout [UInt32],
    entries: inout [UInt64], into indexes: inout [UInt32]
  ) -> Int {
    let slotCount = slots.count
    indexes.reserveCapacity(indexes.count + values.count)
    var previousBits: UInt64 = 0
    // No index: whatever the first value is, it is looked up.
    var previousIndex = UInt32.max
    for position in values.indices {
      let bits = values[position].bits
      if bits != previousBits || previousIndex == UInt32.max {
        var slot = slot(of: bits, slotCount: slotCount)
        while slots[slot] != 0 && entries[Int(slots[slot] &- 1)] != bits {
          slot = (slot &+ 1) & (slotCount &- 1)
        }
        if slots[slot] == 0 {
          if entries.count == entryCountMax { return position }
          entries.append(bits)
          slots[slot] = UInt32(truncatingIfNeeded: entries.count)
        }
        previousBits = bits
        previousIndex = slots[slot] &- 1
      }
      indexes.append(previousIndex)
    }
    return values.count
  }
}
