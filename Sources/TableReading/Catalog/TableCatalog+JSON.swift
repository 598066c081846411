package import Base

// The catalog as a document: `downlinkd tables --json`, and `catalog.json` in the root. Members are
// documented in docs/CLI.md and only ever added to; a change of one's meaning raises `version`.
extension TableCatalog {
  /// Where the instance keeps it, below the root.
  package static let path = "catalog.json"
  private static let version: Int64 = 1

  /// What it says; without a time, so that two can be compared.
  package var content: [JSONMember] {
    [
      JSONMember("tables", .array(entries.map(\.json))),
      JSONMember("sources", .array(sources.map(\.json))),
      JSONMember("sources_trouble", .optional(finalityTrouble)),
    ]
  }

  /// - Parameter atMicros: the time of day.
  package func json(program: String, atMicros: Int64) -> JSONValue {
    .object(
      [
        JSONMember("version", .int(Self.version)), JSONMember("program", .string(program)),
        JSONMember("written_at", .string(Timestamp.text(micros: atMicros))),
      ] + content)
  }
}

extension TableCatalog.Entry {
  package var json: JSONValue {
    [
      "name": .string(name), "path": .string("tables/\(name)"), "format": "delta",
      "table_version": version >= 0 ? .int(version) : .null,
      "committed_at": time(committedAtMillis.map { $0 * 1000 }), "files": .int(fileCount),
      "bytes": .int(byteCount), "rows": rowCount.map { .int($0) } ?? .null,
      "first_date": .optional(days.map { Timestamp.dateText(day: $0.lowerBound) }),
      "last_date": .optional(days.map { Timestamp.dateText(day: $0.upperBound) }),
      "log_checkpoint": checkpointVersion.map { .int($0) } ?? .null,
      "append_only": .bool(isAppendOnly), "trouble": .optional(trouble),
      "columns": .array(columns.map(\.json)),
    ]
  }
}

extension CatalogColumn {
  package var json: JSONValue {
    [
      "name": .string(name), "type": .string(type), "unit": .optional(unit),
      "description": .optional(description), "partition": .bool(isPartition),
    ]
  }
}

extension SourceFinality {
  package var json: JSONValue {
    [
      "source": .string(source), "devices": .int(deviceCount), "awake": .int(awakeCount),
      "complete_through": time(completeThrough), "final_through": time(finalThrough),
      "final_through_of_all": time(finalThroughOfAll),
      "sleeping_behind": .int(sleepingBehindCount), "timeless": .int(timelessCount),
      "ledger_version": ledgerVersion.map { .int($0) } ?? .null,
      "partitions": .array(partitions.map(\.json)),
    ]
  }
}

extension SourceFinality.Partition {
  package var json: JSONValue {
    [
      "topic": .string(topic), "incarnation": .int(incarnation),
      "partition": .int(Int64(partition)), "ended": .bool(isEnded),
      "devices": .int(deviceCount), "awake": .int(awakeCount),
      "timeless": .int(timelessCount), "complete_through": time(completeThrough),
      "final_through": time(finalThrough), "final_through_of_all": time(finalThroughOfAll),
      "newest_kafka_timestamp": time(newestKafkaTimestamp),
      "ledger_version": ledgerVersion.map { .int($0) } ?? .null,
    ]
  }
}

private func time(_ micros: Int64?) -> JSONValue {
  micros.map { .string(Timestamp.text(micros: $0)) } ?? .null
}
