// Taking back what the decoder has just appended: a record may turn out to be a duplicate, or to
// bring more new words than a partition may have.
extension ReadingBatch {
  /// Takes back the rows and words of the record that was appended last. It keeps its place, with
  /// another outcome, as a record without device, attributes and sequence.
  package mutating func retractLastRecord(as outcome: Outcome) {
    let record = recordCount - 1
    precondition(
      record >= 0 && recordClocks.count <= record,
      "a record is taken back before event time has seen it")
    let valueByteCount = firstValueByte(ofRecord: record)
    filterLastRecord { _ in false }
    valueBytes.removeLast(valueBytes.count - valueByteCount)
    recordOutcomes[record] = outcome
    recordDevices[record] = WordTable.none
    let width = schema.attributes.count
    for place in record * width..<(record + 1) * width { recordAttributes[place] = WordTable.none }
    if schema.hasSequence { recordSequences[record] = Self.absentSequence }
  }

  /// Where the bytes of a record's texts begin, which is their end where it has none.
  private func firstValueByte(ofRecord record: Int) -> Int {
    var first = valueBytes.count
    let metricCount = schema.metrics.count
    for metric in 0..<metricCount where schema.metrics[metric].type.isByteString {
      for row in rows(ofRecord: record) {
        let bits = presenceWords[row * schema.presenceWordsPerRow + metric / 64]
        if bits >> UInt64(metric % 64) & 1 == 0 { continue }
        let word = metricWords[row * metricCount + metric]
        first = min(first, Self.valueRange(of: word).lowerBound)
      }
    }
    return first
  }

  /// Appends a record that was not even decoded.
  package mutating func appendRecord(_ header: RecordHeader, as outcome: Outcome) {
    recordOffsets.append(header.offset)
    recordTimestamps.append(header.timestampMicros)
    recordHasAppendTime.append(header.hasAppendTime)
    recordOutcomes.append(outcome)
    recordDevices.append(WordTable.none)
    for _ in schema.attributes { recordAttributes.append(WordTable.none) }
    if schema.hasSequence { recordSequences.append(Self.absentSequence) }
    recordRowStarts.append(rowCount)
  }

  /// Takes back the last rows, and the bytes of their values: those of a record that has no entry
  /// yet.
  package mutating func removeRows(from firstRow: Int, valuesFrom firstValueByte: Int) {
    precondition(
      recordRowStarts[recordCount] <= firstRow, "what a record has was not appended just now")
    let count = rowCount - firstRow
    rowEventTimes.removeLast(count)
    rowFlags.removeLast(count)
    rowIndexes.removeLast(count)
    if schema.isNarrow { rowMetrics.removeLast(count) }
    metricWords.removeLast(count * schema.metrics.count)
    presenceWords.removeLast(count * schema.presenceWordsPerRow)
    valueBytes.removeLast(valueBytes.count - firstValueByte)
  }

  /// Takes rows out of the record that was appended last to a narrow batch: those whose metric's
  /// index is not below `limit`. Returns the `rowIndexes` of what went.
  package mutating func retractRows(withMetricsFrom limit: Int) -> [UInt32] {
    precondition(schema.isNarrow, "the rows of a wide source have all metrics")
    var retracted: [UInt32] = []
    for row in rows(ofRecord: recordCount - 1) where Int(rowMetrics[row]) >= limit {
      retracted.append(rowIndexes[row])
    }
    // Rows of one record have ascending indexes.
    var next = 0
    filterLastRecord { rowIndex in
      if next < retracted.count, retracted[next] == rowIndex {
        next += 1
        return false
      }
      return true
    }
    return retracted
  }
}
