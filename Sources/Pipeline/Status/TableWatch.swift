import Base
import Decode
package import Storage
package import TableReading
import Telemetry

/// Looks from outside at the tables of a pipeline: how large they are, by their own logs, and what
/// their windows say around a time.
///
/// It has a thread of its own and reads the logs as anybody could, so that neither lanes nor
/// commits ever wait for it. A log is read once; then its new commits are, every ten seconds. While
/// a log is read for the first time, at a start, that takes a quarter of a processor at most.
package final class TableWatch: Sendable {
  private static let followMillis = 10
  private static let behindWaitMillis = 200
  private static let restWaitMillis = 10_000

  private let tables: [FollowedTable]
  /// Windows around an anomaly.
  package let history: WindowHistory
  private let isStopped = Monitor(false)
  private let seen = Monitor<[PipelineStatus.Table]>([])

  /// Looks at nothing yet. The tables are those that these options write, in their order.
  package init(options: PipelineOptions, storage: any Storage) {
    let names = TableDefinition.all(of: options.sources).map(\.name)
    let windows = WindowsTable.name
    tables = names.map {
      FollowedTable(
        name: $0, storage: storage, timeColumn: $0 == windows ? WindowsTable.timeColumn : nil)
    }
    guard let table = tables.first(where: { $0.name == windows }) else {
      preconditionFailure("every pipeline has a table of windows")
    }
    history = WindowHistory(
      table: table, storage: storage,
      windows: Dictionary(
        options.sources.map { ($0.plan.schema.source, $0.windows) },
        uniquingKeysWith: { first, _ in first }))
  }

  /// The tables there are, as of ten seconds ago at most, in the order of the options.
  package var sizes: [PipelineStatus.Table] { seen.update { $0 } }

  /// Starts looking, on a thread that ends after `stop`.
  package func start() {
    _ = WorkerThread(name: "tables") { [self] in
      while true {
        let isBehind = !look()
        let wait = isBehind ? Self.behindWaitMillis : Self.restWaitMillis
        if isStopped.wait(timeoutMillis: wait, for: { $0 ? true : nil }) == true { return }
      }
    }
  }

  /// The last look is the last. Returns at once.
  package func stop() { isStopped.update { $0 = true } }

  /// Reads on in every log.
  /// - Returns: whether all ends were reached.
  func look() -> Bool {
    var isAtEnd = true
    for table in tables where !table.follow(forMillis: Self.followMillis) { isAtEnd = false }
    let sizes = tables.compactMap(PipelineStatus.Table.init)
    seen.update { $0 = sizes }
    return isAtEnd
  }
}

extension PipelineStatus {
  /// The same with these tables.
  ///
  /// - Parameters:
  ///   - finality: of each source, as `devices` has it: a table of readings is given its own
  ///     source's, `windows` that of all.
  ///   - finalityTrouble: why `devices` cannot be read.
  package func with(
    _ tables: [Table], finality: [SourceFinality] = [], finalityTrouble: String? = nil
  ) -> PipelineStatus {
    var status = self
    status.finalityTrouble = finalityTrouble
    status.tables = tables.map { table in
      var table = table
      table.finality = finality.filter {
        table.name == WindowsTable.name || table.name == "readings_\($0.source)"
      }.map { Finality($0) }
      return table
    }
    return status
  }

  /// How far the rows of one source are final: `SourceFinality` says what that means.
  package struct Finality: Sendable, Equatable {
    package var source: String
    /// No reading from before it is expected any more of a device that is awake, microseconds; nil
    /// where none is awake, and, as the other two, while a file of `devices` cannot be read.
    package var completeThrough: Int64?
    /// Windows of awake devices that end by it are closed for good.
    package var finalThrough: Int64?
    /// The same of all devices, awake or not.
    package var finalThroughOfAll: Int64?
    /// Devices that are not awake and whose windows are final only up to an earlier time.
    package var sleepingBehindCount: Int
    /// Devices that are awake and of which no reading with a plausible time was seen.
    package var timelessCount: Int
    /// The oldest ledger entry that this is of.
    package var ledgerVersion: Int64?

    package init(
      source: String, completeThrough: Int64? = nil, finalThrough: Int64? = nil,
      finalThroughOfAll: Int64? = nil, sleepingBehindCount: Int = 0, timelessCount: Int = 0,
      ledgerVersion: Int64? = nil
    ) {
      self.source = source
      self.completeThrough = completeThrough
      self.finalThrough = finalThrough
      self.finalThroughOfAll = finalThroughOfAll
      self.sleepingBehindCount = sleepingBehindCount
      self.timelessCount = timelessCount
      self.ledgerVersion = ledgerVersion
    }

    init(_ source: SourceFinality) {
      self.init(
        source: source.source, completeThrough: source.completeThrough,
        finalThrough: source.finalThrough, finalThroughOfAll: source.finalThroughOfAll,
        sleepingBehindCount: source.sleepingBehindCount, timelessCount: source.timelessCount,
        ledgerVersion: source.ledgerVersion)
    }
  }

  /// A table of the pipeline, as its log has it.
  package struct Table: Sendable, Equatable {
    package var name: String
    /// The newest version that was read; nil while the log is read for the first time, as the rest.
    package var version: Int64?
    package var fileCount: Int?
    package var byteCount: Int64?
    /// Nil also where another program's files do not say.
    package var rowCount: Int64?
    /// Whether rows may only come (`delta.appendOnly`): retention then leaves them. Nil as above.
    package var isAppendOnly: Bool?
    /// Why the log cannot be read; nil where it can.
    package var trouble: String?
    /// By source; empty for tables that nothing follows from, and while `devices` has no rows.
    package var finality: [Finality] = []

    package init(name: String) { self.name = name }

    fileprivate init?(_ table: FollowedTable) {
      self.init(name: table.name)
      trouble = table.trouble
      if let size = table.size {
        version = size.version
        fileCount = size.fileCount
        byteCount = size.byteCount
        rowCount = size.rowCount
        isAppendOnly = size.isAppendOnly
      } else if table.version < 0, trouble == nil {
        return nil
      }
    }
  }
}
