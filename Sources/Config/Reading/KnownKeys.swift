extension Configuration {
  /// Every key path the reader knows, `[]` standing for the items of a list:
  /// `sources[].time.unit`. docs/CONFIG.md has an entry for each.
  package static let knownKeys: [String] = {
    var paths: [String] = []
    func add<Key: ConfigKey>(_ keys: Key.Type, under path: String) {
      paths += keys.allCases.map { path + $0.rawValue }
    }
    add(RootKey.self, under: "")
    add(KafkaKey.self, under: "kafka.")
    add(SchemaRegistryKey.self, under: "schema_registry.")
    add(EventTimeKey.self, under: "event_time.")
    add(SourceKey.self, under: "sources[].")
    add(ProtosKey.self, under: "sources[].protos.")
    add(TimeKey.self, under: "sources[].time.")
    add(AttributeKey.self, under: "sources[].attributes[].")
    add(MetricKey.self, under: "sources[].metrics[].")
    add(NarrowMetricKey.self, under: "sources[].metric.")
    add(DeduplicateKey.self, under: "sources[].deduplicate.")
    add(RecordLimitsKey.self, under: "sources[].limits.")
    add(EventTimeKey.self, under: "sources[].event_time.")
    add(FloodKey.self, under: "sources[].dead_letter_flood.")
    add(WindowKey.self, under: "windows[].")
    add(DetectorKey.self, under: "detectors[].")
    add(LimitsKey.self, under: "detectors[].limits.")
    add(BoundsKey.self, under: "detectors[].limits.warning.")
    add(BoundsKey.self, under: "detectors[].limits.critical.")
    add(BucketKey.self, under: "detectors[].spike.")
    add(BucketKey.self, under: "detectors[].jump.")
    add(ShiftKey.self, under: "detectors[].shift.")
    add(SilenceKey.self, under: "detectors[].silence.")
    add(StorageKey.self, under: "storage.")
    add(CommitKey.self, under: "storage.commit.")
    add(ParquetKey.self, under: "storage.parquet.")
    add(TableKey.self, under: "tables.")
    for table in TableKey.allCases where table != .devices {
      add(TableRuleKey.self, under: "tables.\(table.rawValue).")
    }
    add(DevicesTableKey.self, under: "tables.devices.")
    add(MaintenanceKey.self, under: "maintenance.")
    add(MemoryKey.self, under: "memory.")
    add(HTTPKey.self, under: "http.")
    add(HTTPTLSKey.self, under: "http.tls.")
    add(HTTPLoginKey.self, under: "http.basic_auth.")
    add(AdminKey.self, under: "admin.")
    add(AlertsKey.self, under: "alerts.")
    add(WebhookKey.self, under: "alerts.webhooks[].")
    add(BasicAuthKey.self, under: "alerts.webhooks[].basic_auth.")
    add(LogKey.self, under: "log.")
    return paths
  }()
}
