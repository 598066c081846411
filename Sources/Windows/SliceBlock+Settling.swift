import Base

extension SliceBlock {
  /// Drops what no kept window needs and folds slices that are too fine for their age into coarser
  /// ones, in time order. `edges[l]` is `WindowGrid.liveEdge` of level l for `droppedThrough`.
  mutating func settle(widths: [Int64], edges: [Int64], droppedThrough: Int64) {
    if count == 0 { return }
    var pass = SettlingPass(block: self)
    for level in stride(from: Int(levelCount) &- 1, through: 0, by: -1) {
      for _ in 0..<(unsafe Int(levelCounts[level])) {
        let start = unsafe starts[pass.read]
        // No level is live for a slice that is dropped; none finer than its own can be.
        guard let home = (level..<Int(levelCount)).first(where: { start >= edges[$0] }) else {
          pass.skip()
          continue
        }
        let target = home == level ? start : Timestamp.floor(start, toMultipleOf: widths[home])
        if home != level, pass.written > 0, unsafe starts[pass.written &- 1] == target {
          foldNext(&pass)
        } else {
          keepNext(&pass, start: target, level: home)
        }
      }
    }
    finish(pass)
    releaseLastRows(widths: widths, droppedThrough: droppedThrough)
    if Int(capacity) > 16, count &* 2 < Int(capacity) {
      reshape(capacity: count, lastCapacity: lastCount, isUniform: isUniform)
    }
  }

  /// Where a settling pass stands. Slots are exchanged, never overwritten, so that what lies
  /// between `written` and `read` is always the free slots.
  private struct SettlingPass {
    var read = 0
    var written = 0
    let lastFrom: Int
    /// The first slice written that has a last row, and how many have.
    var writtenLastFrom = 0
    var writtenLastCount = 0
    var levelCounts = InlineArray<64, UInt32>(repeating: 0)

    init(block: borrowing SliceBlock) { lastFrom = block.lastFrom }

    mutating func skip() { read &+= 1 }
  }

  /// Keeps the slice at `read`, perhaps on a coarser level.
  private func keepNext(_ pass: inout SettlingPass, start: Int64, level: Int) {
    let (read, written) = (pass.read, pass.written)
    unsafe starts[written] = start
    if read != written { unsafe exchange(slots, read, written) }
    pass.levelCounts[level] &+= 1
    if read >= pass.lastFrom {
      if pass.writtenLastCount == 0 { pass.writtenLastFrom = written }
      unsafe exchange(lastSlots, read &- pass.lastFrom, pass.writtenLastCount)
      pass.writtenLastCount &+= 1
    }
    pass.read &+= 1
    pass.written &+= 1
  }

  /// Merges the slice at `read` into the newest one written.
  private func foldNext(_ pass: inout SettlingPass) {
    let (target, source) = unsafe (slotRow(slots[pass.written &- 1]), slotRow(slots[pass.read]))
    if isUniform { unsafe target.merge(source) } else { unsafe target.mergeCells(source) }
    if pass.read >= pass.lastFrom {
      let sourceIndex = pass.read &- pass.lastFrom
      if pass.writtenLastCount == 0 {
        // The target was too old to have a last row; this slice was not.
        pass.writtenLastFrom = pass.written &- 1
        unsafe exchange(lastSlots, sourceIndex, 0)
        pass.writtenLastCount = 1
      } else if isUniform {
        // The later slice's last value is the last of both.
        unsafe exchange(lastSlots, sourceIndex, pass.writtenLastCount &- 1)
      } else {
        unsafe slotLastRow(lastSlots[pass.writtenLastCount &- 1])
          .takeCells(from: slotLastRow(lastSlots[sourceIndex]))
      }
    }
    pass.read &+= 1
  }

  private mutating func finish(_ pass: SettlingPass) {
    storedCount = UInt32(pass.written)
    storedLastFrom = UInt32(pass.written &- pass.writtenLastCount)
    for level in 0..<Int(levelCount) { unsafe levelCounts[level] = pass.levelCounts[level] }
    // An empty block becomes uniform again: nothing of the past is left in it.
    if count == 0, !isUniform {
      var empty = SliceBlock(
        metricCount: metricCount, levelCount: Int(levelCount), grid: Int(grid), metric: metric)
      swapMemory(with: &empty)
    }
  }

  /// Gives up the last rows of slices older than the newest that ends at or before D.
  private mutating func releaseLastRows(widths: [Int64], droppedThrough: Int64) {
    guard isUniform, count > 0 else { return }
    var newest = 0
    var index = 0
    for level in stride(from: Int(levelCount) &- 1, through: 0, by: -1) {
      for _ in 0..<(unsafe Int(levelCounts[level])) {
        if unsafe starts[index] + widths[level] <= droppedThrough { newest = index }
        index &+= 1
      }
    }
    guard newest > lastFrom else { return }
    let released = newest &- lastFrom
    for index in released..<lastCount { unsafe exchange(lastSlots, index, index &- released) }
    storedLastFrom = UInt32(newest)
  }

  private func exchange(_ slots: UnsafeMutablePointer<UInt32>, _ left: Int, _ right: Int) {
    let value = unsafe slots[left]
    unsafe slots[left] = unsafe slots[right]
    unsafe slots[right] = value
  }
}
