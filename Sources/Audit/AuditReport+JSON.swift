package import Base
import Ledger

/// The report for machines: `downlinkd verify --json`. Members are added, never renamed; `format`
/// says when one changes its meaning.
extension AuditReport {
  package var json: JSONValue {
    [
      "format": 1,
      "holds": .bool(holds),
      "errors": .int(count(of: .error)),
      "warnings": .int(count(of: .warning)),
      "notes": .int(count(of: .note)),
      "findings": .array(findings.map(\.json)),
      "figures": figures.json,
    ]
  }
}

extension Finding {
  var json: JSONValue {
    var members = [
      JSONMember("severity", .string(severity.rawValue)),
      JSONMember("invariant", .optional(invariant?.rawValue)),
      JSONMember("sentence", .string(sentence)),
      JSONMember("advice", .string(advice)),
      JSONMember("path", .optional(subject.path)),
      JSONMember("table", .optional(subject.table)),
    ]
    if let key = subject.partition { members += key.members }
    if let offset = subject.offset { members.append(JSONMember("offset", .int(offset))) }
    return .object(members)
  }
}

extension PartitionKey {
  var members: [JSONMember] {
    [
      JSONMember("topic", .string(topic)), JSONMember("incarnation", .int(incarnation)),
      JSONMember("partition", .int(partition)),
    ]
  }
}

extension AuditFigures {
  var json: JSONValue {
    [
      "pipeline": .string(pipeline),
      "ledger_id": .string(ledgerID),
      "cluster_id": .optional(clusterID),
      "first_version": firstVersion.map { .int($0) } ?? .null,
      "last_version": .int(lastVersion),
      "entries": .int(entryCount),
      "summaries": .array(summaryVersions.map { .int($0) }),
      "partitions": .array(partitions.map(\.json)),
      "tables": .array(tables.map(\.json)),
      "states": states.json,
      "contents_read": contents.json,
      "orphans": orphans.json,
      "undecided": undecided.json,
      "foreign": foreign.json,
      "unfinished": unfinished.json,
      "brokers_asked": .bool(hasAskedBrokers),
      "unchecked": .array(unchecked.map { .string($0) }),
    ]
  }
}

extension FileCount {
  var json: JSONValue { ["files": .int(count), "bytes": .int(byteCount)] }
}

extension PartitionFigure {
  var json: JSONValue {
    .object(
      key.members + [
        JSONMember("start", .int(start)), JSONMember("to", .int(to)),
        JSONMember("not_delivered", .int(notDeliveredCount)),
        JSONMember("skipped", .int(skippedCount)),
        JSONMember("last_version", .int(lastVersion)), JSONMember("open", .bool(isOpen)),
        JSONMember("witness", witness.map { .int($0.offset) } ?? .null),
      ])
  }
}

extension TableFigure {
  var json: JSONValue {
    [
      "table": .string(name), "version": .int(deltaVersion), "txn": .int(txnVersion),
      "owed_entries": .int(owedEntryCount), "files": .int(files.count),
      "bytes": .int(files.byteCount), "rows": .int(rowCount),
      "removed_files": .int(removedFileCount), "foreign_commits": .int(foreignCommitCount),
      "maintenance_commits": .int(maintenanceCommitCount),
    ]
  }
}
