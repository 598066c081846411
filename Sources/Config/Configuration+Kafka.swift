extension Configuration {
  /// How to reach Kafka and where to start.
  package struct Kafka: Hashable, Sendable {
    /// `host:port` each.
    package let brokers: [String]
    /// The consumer group: `downlink-<pipeline>` unless said otherwise.
    package let group: String
    package let start: Start
    package let onPositionLost: OnPositionLost
    /// librdkafka properties, in the order of the file; whether librdkafka knows them is for the
    /// Kafka module to say (`kafka.properties.<key>` is the key path of a fault).
    package let properties: [Property]

    /// Where a topic begins that the ledger has never seen.
    package enum Start: String, ConfigWord {
      case earliest, latest
    }

    /// What to do where Kafka no longer has the records after a position.
    package enum OnPositionLost: String, ConfigWord {
      case stop
      /// Go on at the first record there is, and file the stretch in the table `gaps`.
      case skipAndRecord = "skip_and_record"
    }
  }

  /// One librdkafka property. The value may be a secret: it has no description of its own, and
  /// `shown` is what may be printed.
  package struct Property: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package let key: String
    /// The value to hand to librdkafka: from the file, the environment, or a secret's own file.
    package let value: String
    /// The value as it may be shown: `***` for secrets, references as they are written.
    package let shown: String

    package var description: String { "\(key)=\(shown)" }
    /// Keeps `dump` and test failures from printing the value.
    package var customMirror: Mirror { Mirror(self, children: ["key": key, "shown": shown]) }
  }
}
