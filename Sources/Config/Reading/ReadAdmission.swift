enum DeduplicateKey: String, ConfigKey { case by, within, records }
enum RecordLimitsKey: String, ConfigKey { case message, depth, rows, devices, metrics, attributes }

// Which records of a source are let in: `deduplicate` and `limits`.
extension Section<SourceKey> {
  /// - Parameter hasSequence: whether the source says where its sequence is.
  func deduplication(hasSequence: Bool) -> Configuration.Deduplication? {
    guard has(.deduplicate) else { return nil }
    let section = section(.deduplicate, DeduplicateKey.self)
    let by = section.required(
      .by, placeholder: Configuration.Deduplication.Key.payload, .word)
    if by == .sequence, !hasSequence {
      section.report(
        .by, "`by: sequence` needs `sequence`, the field path of the sequence number",
        suggestion: "name it, or write by: payload")
    }
    let within = section.value(
      .within, default: Default.duplicatesWithin,
      .duration(in: Allowed.duplicatesWithin).then { (micros) throws(ValueFault) in
        guard micros % 1000 == 0 else {
          throw ValueFault("is not a whole number of milliseconds")
        }
        return micros
      })
    return Configuration.Deduplication(
      by: by, withinMicros: within,
      recordCountMax: section.value(
        .records, default: Default.duplicateRecords,
        .wholeNumber(in: Allowed.duplicateRecords)))
  }

  func recordLimits() -> Configuration.RecordLimits {
    let section = section(.limits, RecordLimitsKey.self)
    return Configuration.RecordLimits(
      messageByteCountMax: section.value(
        .message, default: Default.messageByteCount, .byteCount(in: Allowed.messageByteCount)),
      depthMax: section.value(
        .depth, default: Default.depth, .wholeNumber(in: Allowed.depth)),
      rowCountMax: section.value(
        .rows, default: Default.rowsPerRecord, .wholeNumber(in: Allowed.rowsPerRecord)),
      deviceCountMax: section.value(
        .devices, default: Default.devicesPerPartition,
        .wholeNumber(in: Allowed.devicesPerPartition)),
      metricCountMax: section.value(
        .metrics, default: Default.metricsPerPartition,
        .wholeNumber(in: Allowed.metricsPerPartition)),
      attributeWordCountMax: section.value(
        .attributes, default: Default.attributeWordsPerPartition,
        .wholeNumber(in: Allowed.attributeWordsPerPartition)))
  }
}
