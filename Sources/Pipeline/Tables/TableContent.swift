import Base
import Ledger
import Parquet
import Telemetry

/// The rows of one commit that go into one table: planned into files, gathered column by column.
protocol TableContent: AnyObject {
  var definition: TableDefinition { get }
  /// The files to write, by date; none when the commit has no rows for the table.
  var plans: [FilePlan] { get }
  /// Bytes of a dictionary's entries in its files; nil where it is the writer's choice.
  var dictionaryByteCountMax: Int? { get }
  /// Where the row group that begins with row `first` of a plan ends: behind one row at least,
  /// behind `rowCountMax` at most.
  func rowGroupEnd(_ plan: FilePlan, from first: Int, rowCountMax: Int) -> Int
  /// Called before the columns of each row group are asked for.
  func beginRowGroup(_ plan: FilePlan, range: Range<Int>)
  /// The values of one column for rows `range` of a plan, and the bitmap of present rows.
  func column(
    _ column: Int, of plan: FilePlan, range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?)
}

extension TableContent {
  var dictionaryByteCountMax: Int? { nil }

  func rowGroupEnd(_ plan: FilePlan, from first: Int, rowCountMax: Int) -> Int {
    min(plan.rowCount, first + rowCountMax)
  }

  func beginRowGroup(_ plan: FilePlan, range: Range<Int>) {}
}

/// Words of the same kind from several partitions' vocabularies, as one dictionary.
///
/// Every partition interns on its own; a file needs one dictionary without repetitions.
struct MergedWords {
  private let indexes: [[UInt32]]
  let dictionary: ByteStrings

  /// - Parameter tables: one table a part, in the order of parts.
  init(_ tables: [WordTable]) {
    var merged = WordTable()
    var indexes: [[UInt32]] = []
    for part in tables {
      var mapped: [UInt32] = []
      mapped.reserveCapacity(part.count)
      for index in 0..<UInt32(part.count) {
        mapped.append(merged.intern(Array(part.bytes(of: index))))
      }
      indexes.append(mapped)
    }
    self.indexes = indexes
    dictionary = merged.byteStrings
  }

  /// Replaces a part's word indexes in `range` by merged ones; no word stays no word, since
  /// `WordTable.none` and `ColumnValues.absentWord` are the same number.
  func translate(_ words: inout [UInt32], in range: Range<Int>, part: Int) {
    let mapped = indexes[part]
    for row in range where words[row] != WordTable.none {
      words[row] = mapped[Int(words[row])]
    }
  }
}

extension WordTable {
  /// All words, in index order, as Parquet takes them.
  var byteStrings: ByteStrings {
    var bytes: [UInt8] = []
    var starts = [0]
    for index in 0..<UInt32(count) {
      bytes += self.bytes(of: index)
      starts.append(bytes.count)
    }
    return ByteStrings(bytes: bytes, starts: starts)
  }

  mutating func intern(_ word: [UInt8]) -> UInt32 { unsafe intern(word.span.bytes) }

  /// A table of these words in this order; they must differ.
  init(words: [String]) {
    self.init()
    for word in words { _ = intern(word) }
  }
}

extension FilePlanner {
  /// Device ids by rank, as a dictionary for the column `device_id`.
  func deviceDictionary(_ parts: [PlannerPart]) -> ByteStrings {
    var bytes: [UInt8] = []
    var starts = [0]
    for device in devices {
      if device.index != WordTable.none {
        bytes += parts[device.part].words.bytes(of: device.index)
      }
      starts.append(bytes.count)
    }
    return ByteStrings(bytes: bytes, starts: starts)
  }
}

extension Range<Int> {
  func shifted(by distance: Int) -> Range<Int> { lowerBound + distance..<upperBound + distance }
}

extension ByteStrings {
  init(_ texts: [String]) {
    var bytes: [UInt8] = []
    var starts = [0]
    for text in texts {
      bytes += text.utf8
      starts.append(bytes.count)
    }
    self.init(bytes: bytes, starts: starts)
  }
}

extension MergedWords {
  /// Topic names, for the column `kafka_topic`: every part has one word, its topic's.
  init(topicsOf parts: [PartitionCut]) {
    self.init(parts.map { WordTable(words: [$0.key.topic]) })
  }

  /// The column of `words`, one part-wise index a row of `range`.
  func column(
    _ words: [UInt32], _ plan: FilePlan, _ range: Range<Int>
  ) -> (values: ColumnValues, validity: [UInt64]?) {
    var indexes = words
    plan.forEachRun(in: range) { run in
      translate(&indexes, in: run.range.shifted(by: -range.lowerBound), part: run.part)
    }
    return (.words(indexes: indexes, dictionary: dictionary), nil)
  }
}

extension PartitionKey {
  /// The value of the column `topic_incarnation`.
  var incarnationColumn: Int32 { Int32(truncatingIfNeeded: incarnation) }
}

extension Int64 {
  /// As a Kafka timestamp: the date a row is filed under when its event time cannot be trusted;
  /// 1970-01-01 where Kafka carries no timestamp.
  var fileDay: Int32 {
    self == ReadingBatch.absentTimestamp ? 0 : Timestamp.day(ofMicros: self)
  }
}
