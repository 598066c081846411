import Decode
package import Metrics
package import Telemetry

/// What an instance knows about itself: one value, copied out whole, from which `/metrics`,
/// `/status`, the page and the service manager's status line are made.
///
/// It is put together from what the threads report anyway, at batch, commit and statistics
/// granularity: asking for it costs the data path nothing. Times are UTC microseconds, totals count
/// from the start of the process.
package struct PipelineStatus: Sendable {
  /// Where the instance stands in its life.
  package enum Phase: String, Sendable, CaseIterable {
    /// Not connected yet, or between two sessions: reading the chain, asking the brokers.
    case starting
    /// Member of the group, or becoming one; partitions have not been assigned yet.
    case joining
    /// Partitions are assigned (possibly none) and being fetched.
    case running
    /// Told to stop: the last commits are being made.
    case draining
    case stopped
  }

  /// Something outside that the instance waits for, each with a limit of its own
  /// (`ProgressRule`), after which it counts as not progressing.
  package struct ExternalWait: Sendable, Equatable {
    /// What it waits for.
    package enum Cause: String, Sendable, CaseIterable {
      case brokersAway = "brokers_away"
      case diskFull = "disk_full"
      /// Records wait for what their schema ids mean.
      case schemaRegistry = "schema_registry"
    }

    package var cause: Cause
    package var sinceMicros: Int64
    package var detail: String
  }

  /// What the flood rule says of a source.
  package struct Flood: Sendable, Equatable {
    package var source: String
    /// Whether its partitions are not read now.
    package var isPaused = false
    /// Since the start of the process.
    package var pauseCount: Int64 = 0
    /// The last pause: since when, and the records that brought it about.
    package var sinceMicros: Int64?
    package var recordCount: Int64 = 0
    package var deadCount: Int64 = 0

    package init(source: String) { self.source = source }
  }

  /// One topic partition of this instance.
  package struct Partition: Sendable, Equatable {
    package var topicPartition: TopicPartition
    package var incarnation: Int64
    package var lane: Int
    /// The next offset to be taken into state; nil before the lane has taken it up.
    package var nextOffset: Int64?
    /// The next offset after what is committed.
    package var committedOffset: Int64?
    /// One past the newest record in Kafka, as last heard; nil where not known yet.
    package var endOffset: Int64?
    /// The oldest record in Kafka, as last heard; nil where not known yet.
    package var beginningOffset: Int64?
    /// The largest believed Kafka timestamp it has delivered.
    package var clockMicros: Int64?
    /// The newest plausible event time of any of its devices.
    package var newestEventTimeMicros: Int64?
    /// The newest watermark of any of its devices; nil where no device has one yet.
    package var watermarkMicros: Int64?
    package var deviceCount = 0
    /// nil where every record counts.
    package var duplicates: Duplicates?
    package var stateByteCount = 0
    package var bufferedByteCount = 0
    /// Whether it repeats what the chain already has, to rebuild its state.
    package var isReplaying = false
    /// When its last record came, by the wall clock, where it was found idle; nil of others.
    package var idleSinceMicros: Int64?
    /// Whether its lane does not drain it: its buffers wait for a commit.
    package var isPaused = false

    /// Records between what is taken in and the newest in Kafka; nil where not known.
    package var lag: Int64? {
      guard let endOffset, let nextOffset else { return nil }
      return max(0, endOffset - nextOffset)
    }

    package init(topicPartition: TopicPartition, incarnation: Int64, lane: Int) {
      self.topicPartition = topicPartition
      self.incarnation = incarnation
      self.lane = lane
    }
  }

  /// One broker as the client sees it.
  package struct Broker: Sendable, Equatable {
    package var name: String
    package var state: String
    /// Smoothed round trip, microseconds; 0 where unknown.
    package var roundTripMicros: Int64
  }

  /// One commit that was made.
  package struct Commit: Sendable, Equatable {
    package var version: Int64
    package var atMicros: Int64
    package var durationMicros: Int64
    package var recordCount: Int64
    package var readingCount: Int64
    package var firingCount: Int64
    package var fileCount: Int64
    package var byteCount: Int64
  }

  /// What the schema registry was asked, and what is known of it.
  package struct SchemaRegistry: Sendable, Equatable {
    package var url: String
    /// Requests that were answered with a schema, with "not found", and all others.
    package var answeredCount: Int64 = 0
    package var notFoundCount: Int64 = 0
    package var failedCount: Int64 = 0
    /// Ids whose schema is known.
    package var knownIDCount = 0
    /// Time in which at least one id waited for its answer.
    package var waitSeconds = 0.0
    /// Why the last request failed; nil where it did not.
    package var trouble: String?

    package init(url: String) { self.url = url }
  }

  /// A reload of the configuration: what became of it.
  package struct Reload: Sendable, Equatable {
    package var atMicros: Int64
    package var isAccepted: Bool
    /// What changed, or every reason for which it was refused.
    package var detail: String
  }

  /// Anomalies that are open now, by detector and severity.
  package struct OpenCount: Sendable, Equatable {
    package var source: String
    package var detector: String
    package var severity: String
    package var count: Int
  }

  /// One step in the life of an anomaly, committed.
  package struct AnomalyNote: Sendable, Equatable {
    package var id: String
    package var source: String
    /// Empty where it is about many devices.
    package var device: String
    package var metric: String?
    package var detector: String
    package var severity: String
    /// `opened`, `escalated` or `closed`.
    package var state: String
    package var eventTimeMicros: Int64
    package var value: Double?
    package var expected: Double?
    /// A JSON object.
    package var evidence: String
  }

  package var pipeline: String
  /// Name and version of the program.
  package var program: String
  package var configFingerprint: String
  package var startedAtMicros: Int64
  package var nowMicros: Int64

  package var phase = Phase.starting
  package var phaseSinceMicros: Int64
  /// Why the instance recovers or cannot start, while it does; nil in good times.
  package var trouble: String?
  /// Where there are several, the one that has lasted longest.
  package var wait: ExternalWait?
  /// Nil while the instance progresses; else the sentence that says what does not move.
  package var stall: String?

  /// Sources with a flood rule.
  package var floods: [Flood] = []
  /// Of every source, in the configuration's order.
  package var drift: [Drift] = []
  package var partitions: [Partition] = []
  package var brokers: [Broker] = []
  /// The group's state as the client has it: `up`, …
  package var groupState = ""
  /// `steady` when it is a settled member; empty where not known yet.
  package var joinState = ""
  package var rebalanceCount: Int64 = 0
  /// Sessions since the start: 1, and one more each recovery.
  package var sessionCount: Int64 = 0

  /// Counters of `CommitCounters` by name, summed over the commits of this process.
  package var totals: [String: Int64] = [:]
  /// The same for counters with a label: `dead_letters` by reason, `anomalies` by detector,
  /// severity and state.
  package var labelledTotals: [LabelledTotal] = []
  package var commitCount: Int64 = 0
  /// Commits that lost their partitions to another instance.
  package var conflictCount: Int64 = 0
  package var receivedByteCount: Int64 = 0
  package var lastCommit: Commit?
  /// The newest commits, oldest first.
  package var recentCommits: [Commit] = []
  /// Seconds from the first cut to the table logs.
  package var commitSeconds: Histogram
  /// Seconds from a record's Kafka timestamp to its commit.
  package var endToEndSeconds: Histogram

  /// By their logs, in the order of the sources; those that are there.
  package var tables: [Table] = []
  /// Why nothing is known of how far they are final, if so.
  package var finalityTrouble: String?

  package var bufferedByteCount: Int { partitions.reduce(0) { $0 + $1.bufferedByteCount } }
  package var stateByteCount: Int { partitions.reduce(0) { $0 + $1.stateByteCount } }

  /// What the schema registry has done so far; nil where none is configured.
  package var schemaRegistry: SchemaRegistry?

  /// Who is told of anomalies, in the configuration's order.
  package var webhooks: [Webhook] = []

  package var openAnomalies: [OpenCount] = []
  /// The worst of them, then the newest: at most `OpenAnomaly.countMax`.
  package var openDetails: [OpenAnomaly] = []
  /// The newest steps, oldest first.
  package var recentAnomalies: [AnomalyNote] = []
  package var lastReload: Reload?
  package var reloadCount: Int64 = 0
  package var reloadRefusedCount: Int64 = 0

  /// A counter that is split by labels.
  package struct LabelledTotal: Sendable, Equatable {
    /// As in `totals`: `dead_letters`, `anomalies`.
    package var name: String
    /// In the order in which they are written.
    package var labels: [Label]
    package var value: Int64

    /// Name and value.
    package struct Label: Sendable, Hashable {
      package var name: String
      package var value: String

      package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
      }
    }

    package init(name: String, labels: [Label], value: Int64) {
      self.name = name
      self.labels = labels
      self.value = value
    }
  }

  /// Every reason a letter may have, so that a counter is there before its first letter: from one
  /// that is born with its value nobody can tell that it has grown.
  package static let deadLetterReasons = DeadReason.allCases.map(\.rawValue)

  /// Seconds of a commit: 1/64 s to 512 s.
  package static let commitHistogram = Histogram(doublingFrom: 1.0 / 64, count: 16)
  /// Seconds from Kafka to the tables: 1/16 s to 18 h.
  package static let endToEndHistogram = Histogram(doublingFrom: 1.0 / 16, count: 21)

  package init(
    pipeline: String, program: String, configFingerprint: String, startedAtMicros: Int64
  ) {
    self.pipeline = pipeline
    self.program = program
    self.configFingerprint = configFingerprint
    self.startedAtMicros = startedAtMicros
    nowMicros = startedAtMicros
    phaseSinceMicros = startedAtMicros
    commitSeconds = Self.commitHistogram
    endToEndSeconds = Self.endToEndHistogram
  }
}
