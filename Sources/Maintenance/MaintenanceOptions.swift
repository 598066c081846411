/// What maintenance may do, and how much of the machine it may take.
package struct MaintenanceOptions: Sendable, Equatable {
  /// Whether there is any at all.
  package var isEnabled = true
  /// Whether small files are merged.
  package var compacts = true
  /// How large a merged file aims to be, bytes. 256 MiB: large enough that a listing of a year is
  /// short, small enough that an engine reads one with several threads in a second.
  package var fileByteCount: Int64 = 256 << 20
  /// How long nothing must have come into a date, once it is over, until its files are merged.
  package var settleMillis: Int64 = 3_600_000
  /// Bytes a second that compaction reads and writes together at most; nil for as fast as it goes.
  package var bytesPerSecond: Int64? = 64 << 20
  /// A log checkpoint is due this many versions after the last.
  package var logCheckpointVersionCount: Int64 = 100
  /// How long commits behind a log checkpoint are kept, where the table does not say.
  package var logKeepMillis: Int64 = 7 * 86_400_000
  /// How long the file of a removed one is kept, where the table does not say.
  package var deletedFileKeepMillis: Int64 = 7 * 86_400_000
  /// How long rows of a table are kept, by the table's name; a table not named keeps them for ever.
  package var keepMillis: [String: Int64] = [:]
  /// How long readings are kept of sources whose tables are not named; nil for ever.
  package var keepReadingsMillis: Int64?
  /// Tables of readings that are kept for ever all the same.
  package var keptForEver: Set<String> = []
  /// Bytes that everything below the root may take; nil where there is no budget.
  package var budgetByteCount: Int64?
  /// The share of the budget, 0 … 1, from which on there is a warning.
  package var budgetWarningShare = 0.8

  /// Between two passes, and half of what a table rests after its first trouble. A pass that finds
  /// nothing to do costs one look-up a table, and a look at its live files: a hundredth of a core
  /// at most, however many there are.
  package var restMillis = 30_000
  /// A table with fewer small files is left alone: a reader opens so many in no time.
  package var tableFileCountMin = 32
  /// An orphan stays for so long after it was written, whatever is proven.
  package var orphanAgeSeconds: Int64 = 86_400

  package init() {}

  /// How long rows of a table are kept; nil for ever.
  package func keepMillis(ofTable name: String) -> Int64? {
    if let millis = keepMillis[name] { return millis }
    return name.hasPrefix("readings_") && !keptForEver.contains(name) ? keepReadingsMillis : nil
  }
}
