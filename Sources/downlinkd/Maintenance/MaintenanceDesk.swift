import Base
import Config
import Glibc
import Logging
import Maintenance
import Parquet
import Storage

/// The maintenance of a running pipeline's tables, as the configuration has it.
final class MaintenanceDesk: Sendable {
  private let maintainer: Maintainer

  /// Starts the thread.
  /// - Parameter parquet: how merged files are written, as the committer writes its own.
  init(
    _ configuration: Configuration, parquet: ParquetWriterOptions, storage: any Storage,
    log: Logger
  ) {
    maintainer = Maintainer(
      Maintainer.Place(
        storage: storage, pipeline: configuration.pipeline, engineInfo: Program.name,
        parquet: parquet, lock: MaintenanceLockFile(root: configuration.storage.root)),
      options: MaintenanceOptions(configuration), log: log
    ) { sentence in
      // Nobody knows any more what is on the disk: no further commit may rest on it.
      log.critical("a sync failed, the process ends; recovery reads what there is: \(sentence)")
      _exit(Exit.unavailable)
    }
  }

  var status: MaintenanceStatus { maintainer.status }

  /// Goes on with these rules, from the next pass on.
  func take(_ configuration: Configuration) { maintainer.take(MaintenanceOptions(configuration)) }

  /// Ends where it stands, behind the pipeline's last commit.
  func finish() { maintainer.finish() }
}

extension MaintenanceOptions {
  /// As the configuration has it.
  init(_ configuration: Configuration) {
    self.init()
    let maintenance = configuration.maintenance
    isEnabled = maintenance.isEnabled
    compacts = maintenance.compacts
    fileByteCount = maintenance.fileByteCount
    settleMillis = maintenance.settleMicros / 1000
    bytesPerSecond = maintenance.rateByteCount
    logCheckpointVersionCount = Int64(maintenance.logCheckpointVersionCount)
    logKeepMillis = maintenance.logKeepMicros / 1000
    deletedFileKeepMillis = maintenance.deletedFilesKeepMicros / 1000
    for rule in configuration.tables.rules {
      switch (rule.table, rule.keepMicros) {
      case ("readings", let micros): keepReadingsMillis = micros.map { $0 / 1000 }
      case (let table, let micros?): keepMillis[table] = micros / 1000
      case (let table, nil): keptForEver.insert(table)
      }
    }
    budgetByteCount = configuration.storage.budgetByteCount
    budgetWarningShare = configuration.storage.budgetWarningShare
  }
}
