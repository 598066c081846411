import Base
import Logging
import Storage
import TableReading

/// Keeps `catalog.json` in the root: what `downlinkd tables --json` says, for notebooks.
///
/// It has a thread of its own, reads the logs as anybody could, and replaces the file whole, at
/// most once a minute, where what it says has changed; at the end it does so once more. The file is
/// a hint: where it cannot be written the pipeline runs on, and the log says so once.
final class CatalogKeeper: Sendable {
  private static let lookMillis = 10_000
  private static let everyNanos: Int64 = 60_000_000_000

  private let storage: any Storage
  private let log: Logger
  private let isStopped = Monitor(false)
  private let thread: Monitor<WorkerThread?>
  private let seen = Monitor<(sources: [SourceFinality], trouble: String?)>(([], nil))

  init(storage: any Storage, log: Logger) {
    self.storage = storage
    self.log = log
    thread = Monitor(nil)
  }

  /// How far the tables are final, as of a minute ago at most, or why that is not known.
  var finality: (sources: [SourceFinality], trouble: String?) { seen.update { $0 } }

  func start() {
    let thread = WorkerThread(name: "catalog") { [self] in run() }
    self.thread.update { $0 = thread }
  }

  /// Writes what has changed since, and ends. Behind the pipeline's last commit.
  func finish() {
    isStopped.update { $0 = true }
    thread.update { $0 }?.join()
  }

  private func run() {
    var catalog = TableCatalog(storage: storage)
    var written: [JSONMember]?
    var writtenAtNanos: Int64 = 0
    var trouble: String?
    var finalityTrouble: String?
    var isLast = false
    while !isLast {
      isLast = isStopped.wait(timeoutMillis: Self.lookMillis, for: { $0 ? true : nil }) == true
      let nowNanos = MonotonicClock.nowNanos()
      let isTooSoon = written != nil && nowNanos - writtenAtNanos < Self.everyNanos
      if isTooSoon, !isLast { continue }
      do throws(StorageError) {
        try catalog.follow()
        let finality = (catalog.sources, catalog.finalityTrouble)
        seen.update { $0 = finality }
        if let reason = catalog.finalityTrouble, reason != finalityTrouble {
          log.warning("nothing is known to be final, tried again: \(reason)")
        }
        finalityTrouble = catalog.finalityTrouble
        // No root yet, or nothing in it.
        if catalog.entries.isEmpty { continue }
        let content = catalog.content
        if content == written { continue }
        let document = catalog.json(program: Program.name, atMicros: WallClock.nowMicros())
        try storage.replace(TableCatalog.path, Array((document.text + "\n").utf8))
        written = content
        writtenAtNanos = nowNanos
        trouble = nil
      } catch {
        if trouble != "\(error)" { log.warning("the catalog of the tables is behind: \(error)") }
        trouble = "\(error)"
      }
    }
  }
}
