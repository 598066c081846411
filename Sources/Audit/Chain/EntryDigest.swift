import Base
import DeltaLog
import Ledger

/// What an audit keeps of an entry: its name, and for each table the hashes of its actions and the
/// files it adds. Eight bytes an action and 64 a file, where the entry's own text is kilobytes.
struct EntryDigest {
  let version: Int64
  let commitID: CommitID
  let tables: [String: TablePart]

  /// What it holds for one table.
  struct TablePart {
    /// xxHash64 of each action's canonical text, in their order.
    var actionHashes: [UInt64] = []
    var adds: [(key: UInt64, facts: FileFacts)] = []
    /// Rows of the files it adds, as their statistics say.
    var rowCount: Int64 = 0
  }

  init(_ entry: LedgerEntry) {
    version = entry.version
    commitID = entry.commitID
    var tables: [String: TablePart] = [:]
    for actions in entry.tables {
      var part = tables[actions.table] ?? TablePart()
      for action in actions.actions {
        part.actionHashes.append(Self.hash(action))
        guard let add = action["add"], let path = FileFacts.path(of: add),
          let facts = FileFacts(add: add, origin: .entry(entry.version))
        else { continue }
        part.adds.append((FileFacts.key(path), facts))
        part.rowCount = part.rowCount.addingClamped(facts.rowCount ?? 0)
      }
      tables[actions.table] = part
    }
    self.tables = tables
  }

  static func hash(_ action: JSONValue) -> UInt64 { XXHash64.hash(action.bytes) }
}
