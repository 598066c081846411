import Base
import Telemetry

// The rows of one record: the message itself, or the elements of a repeated field or a map.

extension RecordDecoder {
  /// What all rows of a record have in common.
  private struct RecordPart {
    /// nil when every row has its own.
    var time: EventTime?
    var flags: UInt32
  }

  /// Appends the rows. Dead leaves the batch as it was.
  ///
  /// - Parameter time: of all rows; nil where each has its own.
  mutating func appendRows(
    _ texts: RawSpan, _ time: EventTime?, into batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    let part = RecordPart(
      time: time, flags: sequence().isOutOfRange ? ReadingFlags.outOfRange.rawValue : 0)
    if plan.hasRows {
      return slots.rowCount == 0
        ? .empty : appendElements(texts, part, into: &batch, &vocabulary, &faults)
    }
    guard let time = part.time else { preconditionFailure("without rows the time is the record's") }
    var notes = RowNotes()
    if slots.faults.isInRecord {
      for slot in SlotsOfBits(slots.faults.record[...]) {
        notes.add(.wrongType, slot: slot)
        unsafe plan.dropMetric(slot, slots.recordLayout, slots.record)
      }
    }
    let metricFlags = unsafe appendMetrics(
      plan, slots.recordLayout, slots.record, texts, into: &batch, &notes)
    batch.rowEventTimes.append(time.micros)
    batch.rowFlags.append(time.flags | part.flags | metricFlags)
    batch.rowIndexes.append(0)
    if let reason = notes.reason {
      var tally = RowFaultTally(countMax: options.rowFaultCountMax)
      tally.addKept(
        reason, record: batch.recordCount, row: 0, to: &faults, detail: notes.detail(plan))
    }
    return .read(rows: 1)
  }

  private mutating func appendElements(
    _ texts: RawSpan, _ part: RecordPart, into batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    let firstRow = batch.rowCount
    let firstValueByte = batch.valueBytes.count
    let firstMetric = vocabulary.metrics.count
    let record = batch.recordCount
    var tally = RowFaultTally(countMax: options.rowFaultCountMax)
    var notes = RowNotes()
    var firstFault: (reason: DeadReason, row: Int)?
    if let key = plan.readers.rowKey { findSuperseded(texts, key) }
    // Locals, because what is read through `self` in the loop is copied or retained for every row.
    let plan = plan
    let layout = slots.rowLayout
    let stride = slots.rowStride
    let hasFaults = !slots.faults.rows.isEmpty
    let hasSuperseded = !supersededRows.isEmpty
    var faultIndex = 0
    for row in 0..<slots.rowCount {
      if notes.reason != nil { notes.removeAll() }
      if hasFaults { takeFaults(ofRow: row, &faultIndex, &notes) }
      if hasSuperseded, supersededRows[row] { continue }
      let words = unsafe slots.rows + row &* stride
      var fault = notes.isVital ? notes.reason : nil
      var name = RowName.none
      if fault == nil, let reader = plan.readers.metricName {
        (name, fault) = unsafe readName(reader, plan, layout, words, texts, vocabulary.metrics)
      }
      var time = part.time
      if fault == nil, time == nil {
        time = unsafe plan.readers.time.read(layout, words)
        if time == nil { fault = .noTime }
      }
      guard fault == nil, let time else {
        let reason = fault ?? .noTime
        if firstFault == nil { firstFault = (reason, row) }
        tally.addLost(
          reason, record: record, row: row, to: &faults, detail: plan.sentence(for: reason))
        if tally.hasTooManyLost { break }
        continue
      }
      let metricFlags = unsafe appendMetrics(plan, layout, words, texts, into: &batch, &notes)
      switch name {
      case .none: break
      case .known(let index): batch.rowMetrics.append(index)
      case .range(let range):
        batch.rowMetrics.append(vocabulary.metrics.intern(texts.extracting(range)))
      case .bytes(let bytes):
        batch.rowMetrics.append(unsafe vocabulary.metrics.intern(bytes.span.bytes))
      }
      batch.rowEventTimes.append(time.micros)
      batch.rowFlags.append(time.flags | part.flags | metricFlags)
      batch.rowIndexes.append(UInt32(truncatingIfNeeded: row))
      if let reason = notes.reason {
        tally.addKept(
          reason, record: record, row: row, to: &faults, detail: notes.detail(plan))
      }
    }
    if let (reason, row) = firstFault, batch.rowCount == firstRow || tally.hasTooManyLost {
      batch.removeRows(from: firstRow, valuesFrom: firstValueByte)
      vocabulary.metrics.removeWords(from: firstMetric)
      let share = tally.hasTooManyLost
        ? "more than \(options.rowFaultCountMax) rows cannot be read" : "no row can be read"
      return .dead(reason, detail: "\(share); row \(row): \(plan.sentence(for: reason))")
    }
    return .read(rows: batch.rowCount - firstRow)
  }

  /// Wrong wire types of one row; rows are asked for in their order.
  private func takeFaults(ofRow row: Int, _ index: inout Int, _ notes: inout RowNotes) {
    guard index < slots.faults.rows.count, slots.faults.rows[index] == row else { return }
    for slot in SlotsOfBits(slots.faults.words(at: index)) {
      notes.add(.wrongType, slot: slot)
      if plan.vitalRowSlots.contains(slot) { notes.isVital = true }
      unsafe plan.dropMetric(slot, slots.rowLayout, slots.rows + row * slots.rowStride)
    }
    index += 1
  }
}

/// What names a row's metric.
private enum RowName {
  case none
  case known(UInt32)
  case range(Range<Int>)
  case bytes([UInt8])
}

// MARK: - Hot loops

/// The name of a row's metric, or why it has none that is usable.
@unsafe
private func readName(
  _ reader: SlotReader, _ plan: CompiledMapping, _ layout: SlotMemory.Layout,
  _ words: UnsafePointer<UInt64>, _ texts: RawSpan, _ known: borrowing WordTable
) -> (RowName, DeadReason?) {
  guard unsafe layout.isPresent(reader.slot, in: words) else { return (.none, .noMetricName) }
  let word = unsafe layout.word(reader.slot, in: words)
  if reader.kind != .text {
    if reader.meansAbsent(word) { return (.none, .noMetricName) }
    return (.bytes(plan.bytes(ofNumber: word, reader)), nil)
  }
  let range = PlanTree.range(of: word)
  if range.isEmpty { return (.none, .noMetricName) }
  let limit = StringBounds.metricNameByteCountMax
  if range.count <= limit, let index = known.index(of: texts.extracting(range)) {
    return (.known(index), nil)
  }
  if let fault = TextCheck.fault(texts, range, byteCountMax: limit) { return (.none, fault) }
  return (.range(range), nil)
}

/// Appends one row's words and presence bits, and says what is odd about its values
/// (`ReadingFlags.rawValue`).
@unsafe
private func appendMetrics(
  _ plan: CompiledMapping, _ layout: SlotMemory.Layout, _ words: UnsafePointer<UInt64>,
  _ texts: RawSpan, into batch: inout ReadingBatch, _ notes: inout RowNotes
) -> UInt32 {
  guard plan.isStraight else {
    return unsafe appendReadMetrics(plan, layout, words, texts, into: &batch, &notes)
  }
  let count = plan.readers.metrics.count
  let values = unsafe words + layout.presenceCount
  var flags: UInt32 = 0
  for first in stride(from: 0, to: count, by: 64) {
    let last = min(first &+ 64, count)
    let all = last &- first == 64 ? UInt64.max : (1 << UInt64(last &- first)) &- 1
    let present = unsafe words[first >> 6] & all
    batch.presenceWords.append(present)
    if present == all {
      unsafe batch.metricWords.append(
        contentsOf: UnsafeBufferPointer(start: values + first, count: last &- first))
    } else {
      for index in first..<last {
        let isPresent = present >> UInt64(index &- first) & 1 != 0
        batch.metricWords.append(isPresent ? unsafe values[index] : 0)
      }
    }
  }
  if plan.hasFloatingMetric {
    let from = batch.metricWords.count &- count
    for index in 0..<count where plan.readers.metrics[index].kind == .floating {
      flags |= nonFiniteFlag(batch.metricWords[from &+ index])
    }
  }
  return flags
}

/// The exponent of NaN and infinities is all ones.
@inline(__always)
private func nonFiniteFlag(_ word: UInt64) -> UInt32 {
  word & 0x7FF0_0000_0000_0000 == 0x7FF0_0000_0000_0000 ? ReadingFlags.nonFinite.rawValue : 0
}

/// The same for metrics of any kind, in any slots.
@unsafe
private func appendReadMetrics(
  _ plan: CompiledMapping, _ layout: SlotMemory.Layout, _ words: UnsafePointer<UInt64>,
  _ texts: RawSpan, into batch: inout ReadingBatch, _ notes: inout RowNotes
) -> UInt32 {
  var flags: UInt32 = 0
  var bits: UInt64 = 0
  let count = plan.readers.metrics.count
  for index in 0..<count {
    let reader = plan.readers.metrics[index]
    var value: UInt64 = 0
    if unsafe layout.isPresent(reader.slot, in: words) {
      let word = unsafe layout.word(reader.slot, in: words)
      if !reader.meansAbsent(word),
        let kept = unsafe read(
          reader, word, plan, layout, words, texts, &batch.valueBytes, &flags, &notes)
      {
        value = kept
        bits |= 1 << UInt64(index & 63)
      }
    }
    batch.metricWords.append(value)
    if index & 63 == 63 {
      batch.presenceWords.append(bits)
      bits = 0
    }
  }
  if count & 63 != 0 { batch.presenceWords.append(bits) }
  return flags
}

/// The column's word of a slot's, or nil if the column cannot have it: then `flags` or `notes` say
/// why.
@unsafe
private func read(
  _ reader: SlotReader, _ word: UInt64, _ plan: CompiledMapping, _ layout: SlotMemory.Layout,
  _ words: UnsafePointer<UInt64>, _ texts: RawSpan, _ valueBytes: inout [UInt8],
  _ flags: inout UInt32, _ notes: inout RowNotes
) -> UInt64? {
  switch reader.kind {
  case .signed, .boolean: return word
  case .floating:
    flags |= nonFiniteFlag(word)
    return word
  case .unsigned64:
    if word <= UInt64(Int64.max) { return word }
    flags |= ReadingFlags.outOfRange.rawValue
    return nil
  case .timestamp:
    let nanos = unsafe reader.nanos(layout, words)
    let micros = Timestamp.micros(seconds: Int64(bitPattern: word), nanos: nanos)
    if micros == nil { flags |= ReadingFlags.outOfRange.rawValue }
    return micros.map { UInt64(bitPattern: $0) }
  case .duration:
    let nanos = unsafe Double(reader.nanos(layout, words))
    return (Double(Int64(bitPattern: word)) + nanos / 1e9).bitPattern
  case .name:
    let name = plan.enumerations[reader.enumeration].bytes(of: Int64(bitPattern: word))
    return unsafe ReadingBatch.append(name.span.bytes, to: &valueBytes)
  case .text, .bytes:
    let range = PlanTree.range(of: word)
    let limit = StringBounds.columnByteCountMax
    let fault: DeadReason? =
      if reader.kind == .text {
        TextCheck.fault(texts, range, byteCountMax: limit)
      } else {
        range.count > limit ? .stringTooLong : nil
      }
    if let fault {
      notes.add(fault, slot: reader.slot)
      return nil
    }
    return ReadingBatch.append(texts.extracting(range), to: &valueBytes)
  }
}

extension CompiledMapping {
  /// A metric with a wrong wire type is null, whatever else the message says of it.
  @unsafe @inline(never)
  fileprivate func dropMetric(
    _ slot: Int, _ layout: SlotMemory.Layout, _ words: UnsafeMutablePointer<UInt64>
  ) {
    unsafe layout.clear(slot, in: words)
    for seconds in secondsSlots[slot] ?? [] { unsafe layout.clear(seconds, in: words) }
  }

  /// What an enum's or an integer's word is called.
  fileprivate func bytes(ofNumber word: UInt64, _ reader: SlotReader) -> [UInt8] {
    switch reader.kind {
    case .name: enumerations[reader.enumeration].bytes(of: Int64(bitPattern: word))
    case .unsigned64: Array("\(word)".utf8)
    case .boolean: Array((word == 0 ? "false" : "true").utf8)
    default: Array("\(Int64(bitPattern: word))".utf8)
    }
  }
}
