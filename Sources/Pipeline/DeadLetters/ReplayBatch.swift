import Base
import Decode
import Detectors
import Ledger
import Telemetry
import Windows

/// Readings and letters that a replay has made of the letters of one partition.
final class ReplayPart {
  let key: PartitionKey
  let sourceIndex: Int
  var vocabulary: Vocabulary
  /// For its limits: the words of this part are to be no more than a partition's.
  private(set) var admission: Admission
  let output: PartitionOutput
  var lastOffset: Int64 = -1

  init(key: PartitionKey, sourceIndex: Int, source: SourceOptions) {
    self.key = key
    self.sourceIndex = sourceIndex
    let schema = source.plan.schema
    vocabulary = Vocabulary(attributeCount: schema.attributes.count)
    var options = source.admission
    options.duplicates = nil
    admission = Admission(
      options, clock: PartitionClock(), maxFutureSkewMicros: source.eventTime.maxFutureSkewMicros)
    output = PartitionOutput(schema: schema)
  }

  /// Decodes one record into the output, as far as the limits let it in.
  func decode(
    _ letter: LetterRow, _ record: StoredRecord, _ decoder: LetterDecoder,
    _ faults: inout [RowFault]
  ) -> LetterDecoder.Result {
    admission.begin(vocabulary)
    let result = decoder.decode(letter, record, into: output, vocabulary: &vocabulary, &faults)
    guard case .outcome(let decoded) = result else { return result }
    return .outcome(admission.limit(decoded, in: &output.readings, &vocabulary, &faults))
  }
}

/// Dead letters decoded again: what one entry of a replay will hold.
///
/// Readings get the flag `replayed` and enter neither window nor detector: event time went on
/// without them. What of a record is unreadable now becomes a letter of its own.
struct ReplayBatch {
  /// Marks an entry holds at most; its bytes are bounded by `CommitOptions.byteCount`.
  static let markCountMax = 50_000
  /// What a mark takes in memory, near enough.
  private static let markByteCount = 160

  /// Times beyond it, 18,000 years from 1970, are flagged as windows flag them.
  private static let timeMagnitudeMax: Int64 = 1 << 59

  private let options: PipelineOptions
  private(set) var parts: [ReplayPart] = []
  /// The part that takes letters of a partition.
  private var openParts: [PartitionKey: Int] = [:]
  private(set) var marks: [ReplayMark] = []
  private var openDates = OpenDates()
  private var rowFaults: [RowFault] = []
  /// Bytes of what the parts hold.
  private var outputByteCount = 0

  init(options: PipelineOptions) { self.options = options }

  var isEmpty: Bool { marks.isEmpty }

  /// Whether the entry should be put before more is added.
  var isFull: Bool {
    marks.count >= Self.markCountMax
      || outputByteCount + marks.count * Self.markByteCount >= options.commit.byteCount
      || openDates.count >= options.commit.openDateCount
  }

  /// Letters of what is unreadable in records that came back.
  var newLetterCount: Int64 { parts.reduce(0) { $0 + Int64($1.output.deadLetters.count) } }

  /// Adds what became of a letter that was decoded.
  mutating func append(_ mark: ReplayMark) { marks.append(mark) }

  /// Decodes the record behind `letters`, which are of one place but for their rows: either the
  /// whole record, or rows of it.
  ///
  /// - Returns: what became of each letter, in their order.
  mutating func decode(
    _ letters: [LetterRow], of record: StoredRecord, sourceIndex: Int, decoder: LetterDecoder
  ) -> LettersResult {
    guard let first = letters.first else { return .marked([]) }
    let part = part(of: first.key, offset: first.offset, sourceIndex: sourceIndex)
    let byteCount = part.output.byteCount
    defer { outputByteCount += part.output.byteCount - byteCount }
    let firstRow = part.output.readings.rowCount
    let outcome: DecodeOutcome
    switch part.decode(first, record, decoder, &rowFaults) {
    case .unserved(let schemaID): return .unserved(schemaID: schemaID)
    case .outcome(let decoded): outcome = decoded
    }
    defer { rowFaults.removeAll(keepingCapacity: true) }
    let wanted = Set(letters.compactMap(\.rowIndex))
    if first.rowIndex != nil, case .read = outcome {
      part.output.readings.filterLastRecord { wanted.contains($0) }
    }
    flag(part, rowsFrom: firstRow, timestampMicros: first.timestampMicros)
    openDates.add(part.output.readings.rowEventTimes, from: firstRow)
    let shared = LetterRecord(first, record)
    return .marked(letters.map { letter in mark(letter, outcome, part, shared) })
  }

  /// What became of the letters of a record.
  enum LettersResult {
    case marked([ReplayMark])
    /// They wait as before: the registry does not say what this schema is.
    case unserved(schemaID: Int32)
  }

  /// A part for one more record: offsets of a part ascend.
  private mutating func part(
    of key: PartitionKey, offset: Int64, sourceIndex: Int
  ) -> ReplayPart {
    if let index = openParts[key], parts[index].lastOffset < offset {
      parts[index].lastOffset = offset
      return parts[index]
    }
    let part = ReplayPart(
      key: key, sourceIndex: sourceIndex, source: options.sources[sourceIndex])
    part.lastOffset = offset
    openParts[key] = parts.count
    parts.append(part)
    return part
  }

  /// A reading's time is compared with its record's own Kafka timestamp: the partition's clock, by
  /// which it would have been judged then, is not known any more.
  private func flag(_ part: ReplayPart, rowsFrom first: Int, timestampMicros: Int64?) {
    let skew = options.sources[part.sourceIndex].eventTime.maxFutureSkewMicros
    let reference = max(-Self.timeMagnitudeMax, timestampMicros ?? Self.timeMagnitudeMax)
    let limit = min(reference, Self.timeMagnitudeMax - skew) + skew
    for row in first..<part.output.readings.rowCount {
      var flags = ReadingFlags(rawValue: part.output.readings.rowFlags[row]).union(.replayed)
      let time = part.output.readings.rowEventTimes[row]
      if time < -Self.timeMagnitudeMax { flags.insert(.beforePlausible) }
      if time > limit, flags.isDisjoint(with: .implausibleTime) { flags.insert(.future) }
      part.output.readings.rowFlags[row] = flags.rawValue
    }
  }

  // MARK: - Marks

  private mutating func mark(
    _ letter: LetterRow, _ outcome: DecodeOutcome, _ part: ReplayPart, _ record: LetterRecord
  ) -> ReplayMark {
    var mark = ReplayMark(
      place: letter.place, timestampMicros: letter.timestampMicros,
      source: options.sources[part.sourceIndex].plan.schema.source, outcome: .empty)
    switch outcome {
    case .dead(let reason, let detail):
      mark.outcome = .dead
      mark.reason = reason.rawValue
      mark.detail = detail
    case .empty: break
    case .read:
      guard let rowIndex = letter.rowIndex else {
        mark.outcome = .read
        mark.readingCount = Int64(
          part.output.readings.rows(ofRecord: part.output.readings.recordCount - 1).count)
        // What cannot be read of a record that came back is a letter like any other.
        for fault in rowFaults { part.output.append(DeadLetter(record, fault)) }
        break
      }
      let faults = rowFaults.filter { $0.rowIndex == rowIndex }
      if part.output.readings.lastRecordHas(row: rowIndex) {
        mark.outcome = .read
        mark.readingCount = 1
        for fault in faults { part.output.append(DeadLetter(record, fault)) }
      } else if let fault = faults.first {
        mark.outcome = .dead
        mark.reason = fault.reason.rawValue
        mark.detail = fault.detail
      }
    }
    return mark
  }
}

extension LetterRecord {
  /// A record that a table has kept, for new letters of it.
  fileprivate init(_ letter: LetterRow, _ record: StoredRecord) {
    self.init(
      offset: letter.offset,
      timestampMicros: letter.timestampMicros ?? ReadingBatch.absentTimestamp, key: record.key,
      headersJSON: record.headersJSON, payload: record.payload)
  }
}

extension ReadingBatch {
  /// Whether the last record has a reading of its row with this index.
  func lastRecordHas(row rowIndex: UInt32) -> Bool {
    // Rows keep the order of their message, so that indexes ascend.
    var range = rows(ofRecord: recordCount - 1)
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if rowIndexes[middle] == rowIndex { return true }
      range =
        rowIndexes[middle] < rowIndex
        ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return false
  }
}

extension PartitionCut {
  /// What a replay brings back of one partition: rows, and no move.
  init(replaying part: ReplayPart) {
    self.init(
      key: part.key, sourceIndex: part.sourceIndex, from: 0, to: 0, notDelivered: 0, gaps: [],
      witness: nil, clockMicros: nil, state: nil, decisions: [], unknownSchemas: OffsetRuns(),
      stateNeed: nil, counts: EventTimeCounts(), detectorCounts: DetectorCounts(),
      vocabulary: part.vocabulary, output: part.output)
  }
}
