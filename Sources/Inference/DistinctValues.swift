import Base

/// The different values of one field: how many, up to a bound, and the first of them as text.
struct DistinctValues {
  private var hashes: Set<UInt64> = []
  /// In order of first appearance, at most `textCountMax`; longer ones are left out.
  private(set) var texts: [String] = []
  /// Whether there were more values than could be told apart.
  private(set) var isCapped = false

  var count: Int { hashes.count }

  /// Takes in a value. `budget` is what all sets together may still hold.
  mutating func insert(_ hash: UInt64, budget: inout Int, text: () -> String?) {
    if hashes.contains(hash) { return }
    guard budget > 0, hashes.count < InferenceBounds.distinctCountMax else {
      isCapped = true
      return
    }
    budget -= 1
    hashes.insert(hash)
    if texts.count < InferenceBounds.textCountMax, let text = text() { texts.append(text) }
  }

  /// `12`, or `over 5000`.
  var countText: String { isCapped ? "over \(count)" : "\(count)" }
}

/// How the values of one field go with groups of records: those of one key, or of one device.
struct GroupRelation {
  private var firstByGroup: [Int: UInt64] = [:]
  private var groupOfValue: [UInt64: Int] = [:]
  private var lastByGroup: [Int: Int64] = [:]
  private var unstable: Set<Int> = []
  /// Values that stand in more than one group.
  private(set) var sharedValueCount = 0
  private var shared: Set<UInt64> = []
  private var isCapped = false

  /// Steps from one record of a group to its next, of integers.
  private(set) var risingCount = 0
  private(set) var risingByOneCount = 0
  private(set) var equalCount = 0
  private(set) var fallingCount = 0

  var groupCount: Int { firstByGroup.count }
  var stepCount: Int { risingCount + equalCount + fallingCount }

  /// Whether nearly every group has one value.
  var isStable: Bool { !firstByGroup.isEmpty && unstable.count * 50 <= firstByGroup.count }

  /// Whether groups and values name the same things, as far as there are enough to tell.
  var isOneToOne: Bool { unstable.isEmpty && sharedValueCount == 0 && !isCapped }

  mutating func insert(_ hash: UInt64, in group: Int, budget: inout Int) {
    if let first = firstByGroup[group] {
      if first != hash { unstable.insert(group) }
    } else if budget > 1, firstByGroup.count < InferenceBounds.distinctCountMax {
      firstByGroup[group] = hash
      budget -= 1
    } else {
      isCapped = true
    }
    if let other = groupOfValue[hash] {
      if other != group, shared.insert(hash).inserted { sharedValueCount += 1 }
    } else if budget > 1, groupOfValue.count < InferenceBounds.distinctCountMax {
      groupOfValue[hash] = group
      budget -= 1
    } else {
      isCapped = true
    }
  }

  /// Compares an integer with the one before it in its group.
  mutating func step(to value: Int64, in group: Int, budget: inout Int) {
    if let last = lastByGroup[group] {
      if value > last {
        risingCount += 1
        if value - 1 == last { risingByOneCount += 1 }
      } else if value == last {
        equalCount += 1
      } else {
        fallingCount += 1
      }
    } else if budget > 1, lastByGroup.count < InferenceBounds.distinctCountMax {
      budget -= 1
    } else {
      return
    }
    lastByGroup[group] = value
  }
}
