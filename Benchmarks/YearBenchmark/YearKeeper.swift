import Base
import Logging
import Maintenance
import Storage

/// The maintenance of the year's tables: the passes of the service, one when it is asked.
struct YearKeeper {
  private let storage: any Storage
  private var tables: [TableMaintenance]
  private let pace: MaintenancePace
  private let log: Logger
  /// Processor and real time of passes since the last call of `takeTimes`.
  private var wallNanos: Int64 = 0
  private var processorNanos: Int64 = 0
  private var longestNanos: Int64 = 0

  static let readingsKeepDays: Int64 = 90
  static let windowsKeepDays: Int64 = 400

  private let options: MaintenanceOptions

  init(_ storage: any Storage) {
    self.storage = storage
    var options = MaintenanceOptions()
    options.keepMillis = [
      YearTable.readings.name: Self.readingsKeepDays * 86_400_000,
      YearTable.windows.name: Self.windowsKeepDays * 86_400_000,
    ]
    self.options = options
    pace = MaintenancePace(bytesPerSecond: options.bytesPerSecond)
    // Warnings are of interest, and there should be none.
    log = Logger(label: "year") { StreamLogHandler.standardError(label: $0) }
    tables = [YearTable.readings, .windows].map {
      TableMaintenance(name: $0.name, storage: storage, engine: YearPipeline.engine)
    }
  }

  mutating func pass() throws {
    let watch = Stopwatch()
    let pass = MaintenancePass(
      storage: storage, pipeline: YearPipeline.name, engineInfo: YearPipeline.engine,
      options: options, parquet: YearPipeline.parquet, pace: pace, log: log)
    for index in tables.indices { try tables[index].run(in: pass) }
    let nanos = watch.wallNanos
    wallNanos += nanos
    processorNanos += watch.processorNanos
    longestNanos = max(longestNanos, nanos)
  }

  /// What the passes took since the last call.
  mutating func takeTimes() -> (wallNanos: Int64, processorNanos: Int64, longestNanos: Int64) {
    defer { (wallNanos, processorNanos, longestNanos) = (0, 0, 0) }
    return (wallNanos, processorNanos, longestNanos)
  }

  var statuses: [TableStatus] { tables.map(\.table.status) }
}
