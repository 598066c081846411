import Base
import DeltaLog
package import Storage

/// What the tables of a root are, for people and notebooks: columns with their units, sizes, dates,
/// the last commit, and how far what they say is final.
///
/// It is read from the tables' logs and the files of `devices`, as anybody could: without a
/// configuration, without Kafka, beside a running instance or after its end. Whose tables they are
/// does not matter.
///
/// Memory: about 300 bytes a live file. Cost: `follow` reads what is new in the logs; `devices` is
/// read where it has changed. Used by one thread.
package struct TableCatalog: Sendable {
  private let storage: any Storage
  private var followed: [String: Followed] = [:]
  private var finality = Finality()

  fileprivate struct Followed {
    var snapshot: TableSnapshot
    var entry: Entry
  }

  /// One table.
  package struct Entry: Sendable, Equatable {
    package let name: String
    /// The newest commit.
    package fileprivate(set) var version: Int64 = -1
    /// By commitInfo, milliseconds since 1970; nil where it does not say.
    package fileprivate(set) var committedAtMillis: Int64?
    package fileprivate(set) var fileCount = 0
    package fileprivate(set) var byteCount: Int64 = 0
    /// Nil where another program's files do not say.
    package fileprivate(set) var rowCount: Int64?
    /// First and last `event_date`, days since 1970; nil where there are none.
    package fileprivate(set) var days: ClosedRange<Int32>?
    /// The log checkpoint it was read from; nil where its commits are all there.
    package fileprivate(set) var checkpointVersion: Int64?
    package fileprivate(set) var columns: [CatalogColumn] = []
    /// Whether its rows may only come (`delta.appendOnly`): retention then leaves them.
    package fileprivate(set) var isAppendOnly = false
    /// Why its log cannot be read, or not to its end; nil where it can.
    package fileprivate(set) var trouble: String?

    fileprivate init(_ name: String) { self.name = name }
  }

  package init(storage: any Storage) { self.storage = storage }

  /// By name.
  package var entries: [Entry] {
    followed.sorted { $0.key < $1.key }.map(\.value.entry)
  }

  /// By source; empty where there is no table `devices`, or nobody was heard yet.
  package var sources: [SourceFinality] { finality.sources }

  /// Why what `devices` says is not known, or not all; nil where it is.
  package var finalityTrouble: String? { finality.trouble }

  /// Reads what is new in every table's log. A table whose log cannot be read is in the list, with
  /// what is known of it and the reason.
  ///
  /// Errors: the folder of the tables cannot be listed.
  package mutating func follow() throws(StorageError) {
    let names = try storage.list("tables")
    for name in names {
      let snapshot =
        followed[name]?.snapshot
        ?? TableSnapshot(storage: storage, folder: "tables/\(name)", engine: "")
      var table = Followed(snapshot: snapshot, entry: followed[name]?.entry ?? Entry(name))
      table.follow(storage)
      // A folder of something else.
      if table.snapshot.version < 0, table.entry.trouble == nil { continue }
      followed[name] = table
    }
    for name in followed.keys where !names.contains(name) { followed[name] = nil }
    if let devices = followed["devices"]?.snapshot { finality.read(devices, storage) }
  }
}

extension TableCatalog.Followed {
  fileprivate mutating func follow(_ storage: any Storage) {
    do throws(DeltaError) {
      let isNew = try snapshot.follow()
      if entry.trouble == nil, !isNew { return }
      entry.trouble = nil
    } catch {
      if case .logRewound = error {
        // The table was made anew: the next look begins at its beginning.
        snapshot = TableSnapshot(storage: storage, folder: snapshot.folder, engine: "")
      }
      entry.trouble = "\(error)"
      return
    }
    entry.version = snapshot.version
    entry.committedAtMillis = snapshot.committedAtMillis > 0 ? snapshot.committedAtMillis : nil
    entry.checkpointVersion = snapshot.checkpointVersion >= 0 ? snapshot.checkpointVersion : nil
    entry.columns = CatalogColumn.columns(of: snapshot.metaData)
    entry.isAppendOnly = snapshot.properties.isAppendOnly
    entry.fileCount = snapshot.fileCount
    entry.byteCount = snapshot.byteCount
    entry.sum(snapshot)
  }
}

extension TableCatalog.Entry {
  fileprivate mutating func sum(_ snapshot: TableSnapshot) {
    var rows: Int64? = 0
    days = nil
    for file in snapshot.files {
      rows = file.rowCount.flatMap { count in rows.map { $0 + count } }
      guard let day = file.partitionValues["event_date"].flatMap(DateText.day) else { continue }
      days = min(days?.lowerBound ?? day, day)...max(days?.upperBound ?? day, day)
    }
    rowCount = rows
  }
}

/// A column as the table's log has it.
package struct CatalogColumn: Sendable, Equatable {
  package let name: String
  /// As Delta and Spark call it.
  package let type: String
  package let unit: String?
  package let description: String?
  /// Whether it stands in the folders' names and not in the files.
  package let isPartition: Bool

  static func columns(of metaData: JSONValue?) -> [CatalogColumn] {
    let text = metaData?["schemaString"]?.stringValue ?? ""
    let fields = (try? JSONValue(parsing: text))?["fields"]?.arrayValue ?? []
    let partitions = (metaData?["partitionColumns"]?.arrayValue ?? []).compactMap(\.stringValue)
    return fields.compactMap { field in
      guard let name = field["name"]?.stringValue, let type = field["type"] else { return nil }
      let metadata = field["metadata"]
      return CatalogColumn(
        name: name, type: type.stringValue ?? type.text, unit: metadata?["unit"]?.stringValue,
        description: metadata?["comment"]?.stringValue, isPartition: partitions.contains(name))
    }
  }
}
