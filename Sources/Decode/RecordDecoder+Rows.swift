import CProtobufC
import Telemetry

// The rows of one record: the message itself, or the elements of a repeated field.

extension RecordDecoder {
  /// Appends the rows; `recordBases` is resolved. Dead leaves the batch as it was.
  @unsafe
  mutating func appendRows(
    _ message: UnsafeRawPointer, _ payload: RawSpan, into batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    var recordTime: EventTime?
    if !plan.time.isInRow {
      guard let time = unsafe plan.time.read(from: recordBases) else {
        return .dead(.noTime, detail: "\(plan.mapping.time.field) is absent or 0")
      }
      recordTime = time
    }
    let recordFlags = sequence().isOutOfRange ? ReadingFlags.outOfRange.rawValue : 0
    guard let rows = plan.rows else {
      guard let recordTime else { preconditionFailure("without rows the time is the record's") }
      let metricFlags = unsafe appendMetrics(
        plan.metrics, from: recordBases, words: &batch.metricWords,
        presence: &batch.presenceWords)
      batch.rowEventTimes.append(recordTime.micros)
      batch.rowFlags.append(recordTime.flags | recordFlags | metricFlags)
      batch.rowIndexes.append(0)
      return .read(rows: 1)
    }
    guard let parent = unsafe recordBases[Int(rows.group)] else { return .empty }
    let count = unsafe parent.load(fromByteOffset: Int(rows.quantifierOffset), as: Int.self)
    guard count > 0 else { return .empty }
    let elements = unsafe UnsafeBufferPointer(
      start: parent.load(
        fromByteOffset: Int(rows.offset), as: UnsafePointer<UnsafeRawPointer>.self),
      count: count)
    return unsafe appendElements(
      elements, payload, recordTime, recordFlags, into: &batch, &vocabulary, &faults)
  }

  @unsafe
  private mutating func appendElements(
    _ elements: UnsafeBufferPointer<UnsafeRawPointer>, _ payload: RawSpan,
    _ recordTime: EventTime?, _ recordFlags: UInt32,
    into batch: inout ReadingBatch, _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    let firstRow = batch.rowCount
    var firstFault: (reason: DeadReason, row: Int)?
    // Locals, because what is read through `self` in the loop is copied or retained for every row.
    let rowGroups = plan.rowGroups
    let metrics = plan.metrics
    let timeMember = plan.time
    let nameMember = plan.metricName
    // Rows of a message that a oneof dropped again were scanned too; those that count came last.
    let firstName = findings.rowNames.count - (nameMember == nil ? 0 : elements.count)
    precondition(firstName >= 0, "every element that libprotobuf-c unpacked was seen on the wire")
    for index in 0..<elements.count {
      unsafe resolve(rowGroups, from: elements[index], into: &rowBases)
      var name = FoundText.absent
      if let nameMember {
        name = findings.rowNames[firstName &+ index]
        if let fault = unsafe nameFault(name, nameMember, in: rowBases) {
          if firstFault == nil { firstFault = (fault, index) }
          note(fault, row: index, in: batch, &faults)
          continue
        }
      }
      var time = recordTime
      if time == nil { time = unsafe timeMember.read(from: rowBases) }
      guard let time else {
        if firstFault == nil { firstFault = (.noTime, index) }
        note(.noTime, row: index, in: batch, &faults)
        continue
      }
      let metricFlags = unsafe appendMetrics(
        metrics, from: rowBases, words: &batch.metricWords, presence: &batch.presenceWords)
      if nameMember != nil {
        batch.rowMetrics.append(vocabulary.metrics.intern(payload.extracting(name.range)))
      }
      batch.rowEventTimes.append(time.micros)
      batch.rowFlags.append(time.flags | recordFlags | metricFlags)
      batch.rowIndexes.append(UInt32(truncatingIfNeeded: index))
    }
    if batch.rowCount == firstRow, let (reason, row) = firstFault {
      return .dead(reason, detail: "no row can be read; row \(row): \(plan.sentence(for: reason))")
    }
    return .read(rows: batch.rowCount - firstRow)
  }

  private func note(
    _ reason: DeadReason, row: Int, in batch: borrowing ReadingBatch, _ faults: inout [RowFault]
  ) {
    faults.append(
      RowFault(
        recordIndex: batch.recordCount, rowIndex: UInt32(truncatingIfNeeded: row), reason: reason,
        detail: plan.sentence(for: reason)))
  }
}

// MARK: - Hot loops

extension EventTimeMember {
  /// The event time, or nil if it is absent or 0.
  @unsafe
  fileprivate func read(from bases: [UnsafeRawPointer?]) -> EventTime? {
    guard let base = unsafe bases[Int(member.group)] else { return nil }
    let word = unsafe loadWord(member, in: base)
    guard word != 0, unsafe isPresent(member, in: base, word: word) else { return nil }
    return micros(of: word)
  }
}

/// Why a row's metric has no usable name, or nil if it has one.
private func nameFault(
  _ name: FoundText, _ member: TextMember, in bases: [UnsafeRawPointer?]
) -> DeadReason? {
  guard name.range.count > 0, let base = unsafe bases[Int(member.member.group)],
    unsafe isPresent(member, in: base)
  else { return .noMetricName }
  return name.fault
}

/// Appends one row's words and presence bits, and says what is odd about its values
/// (`ReadingFlags.rawValue`).
private func appendMetrics(
  _ members: [StructMember], from bases: [UnsafeRawPointer?], words: inout [UInt64],
  presence: inout [UInt64]
) -> UInt32 {
  var flags: UInt32 = 0
  var bits: UInt64 = 0
  for index in members.indices {
    let member = members[index]
    var word: UInt64 = 0
    if let base = unsafe bases[Int(member.group)] {
      word = unsafe loadWord(member, in: base)
      var isKept = unsafe isPresent(member, in: base, word: word)
      if isKept {
        switch member.kind {
        case .double, .float:
          // The exponent of NaN and infinities is all ones.
          if word & 0x7FF0_0000_0000_0000 == 0x7FF0_0000_0000_0000 {
            flags |= ReadingFlags.nonFinite.rawValue
          }
        case .uint64 where word > UInt64(Int64.max):
          flags |= ReadingFlags.outOfRange.rawValue
          isKept = false
        default: break
        }
      }
      if isKept { bits |= 1 << UInt64(index & 63) } else { word = 0 }
    }
    words.append(word)
    if index & 63 == 63 {
      presence.append(bits)
      bits = 0
    }
  }
  if members.count & 63 != 0 { presence.append(bits) }
  return flags
}
