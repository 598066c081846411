package import Decode
package import Detectors
package import Duplicates
import Ledger
package import Parquet
package import Telemetry
package import Windows

/// One source, ready to run: where its records come from and what is made of them.
package struct SourceOptions: Sendable {
  package var topics: [String]
  package var plan: DecodePlan
  /// The windows that select this source, in configuration order, with their place in the list of
  /// all windows as the identity that rows carry.
  package var windows: [WindowDefinition]
  package var eventTime: EventTimeOptions
  /// A partition of which nothing has come for so long by the wall clock is idle: its open windows
  /// fire. Nil: never.
  package var partitionIdleMillis: Int?
  /// The detectors that watch this source, in configuration order.
  package var detectors: [DetectorDefinition]
  /// When dead letters of it are a flood; nil where they never are.
  package var flood: FloodOptions?
  /// What makes a record a duplicate; nil where every record counts.
  package var duplicates: DuplicateRule?
  package var limits: RecordLimits
  /// What columns of its readings are, by their names, for people: comments in the table.
  package var descriptions: [String: String] = [:]

  package init(
    topics: [String], plan: DecodePlan, windows: [WindowDefinition], eventTime: EventTimeOptions,
    detectors: [DetectorDefinition], duplicates: DuplicateRule? = nil,
    limits: RecordLimits = .none
  ) {
    self.duplicates = duplicates
    self.limits = limits
    self.topics = topics
    self.plan = plan
    self.windows = windows
    self.eventTime = eventTime
    self.detectors = detectors
  }
}

/// What a running pipeline can be told to change: takes effect at a cut, whole.
package struct PipelineReload: Sendable {
  /// The detectors of every source, in the order of `PipelineOptions.sources`.
  package var detectors: [[DetectorDefinition]]
  /// Of the configuration that they are part of; entries carry it from the cut on.
  package var configFingerprint: String
  /// Where more than detectors changes, everything: the session ends with a commit that brings the
  /// state, and another begins with these. Their sources are those of before, in their order.
  package var reopening: PipelineOptions?

  package init(
    detectors: [[DetectorDefinition]], configFingerprint: String,
    reopening: PipelineOptions? = nil
  ) {
    self.detectors = detectors
    self.configFingerprint = configFingerprint
    self.reopening = reopening
  }
}

extension PipelineOptions {
  /// The same pipeline with what a reload changes.
  func applying(_ reload: PipelineReload) -> PipelineOptions {
    precondition(
      reload.detectors.count == sources.count, "a reload names the detectors of every source")
    var options = reload.reopening ?? self
    precondition(
      options.sources.map(\.plan.schema.source) == sources.map(\.plan.schema.source),
      "a reload has the sources of before, in their order")
    // What belongs to the process.
    options.laneCount = laneCount
    options.schemas = schemas
    options.decidedIdleOffsets = decidedIdleOffsets
    options.tap = tap
    options.progressLimits = progressLimits
    for index in sources.indices { options.sources[index].detectors = reload.detectors[index] }
    options.configFingerprint = reload.configFingerprint
    return options
  }
}

/// Everything the pipeline is told from outside. No field has a default here: the configuration
/// decides all of them, and `docs/CONFIG.md` lists their defaults.
package struct PipelineOptions: Sendable {
  /// What to do with offsets that Kafka no longer has.
  package enum PositionLostPolicy: Sendable {
    case stop
    case skipAndRecord
  }

  /// Where a topic starts that was never opened.
  package enum StartPolicy: Sendable {
    case earliest
    case latest
  }

  package var pipeline: String
  package var program: String
  package var configFingerprint: String
  package var sources: [SourceOptions]
  package var start: StartPolicy
  package var onPositionLost: PositionLostPolicy
  package var laneCount: Int
  package var commit: CommitOptions
  package var parquet: ParquetWriterOptions
  /// Rows a row group holds at most; gathers of one row group are what encoding costs in memory.
  package var rowGroupRowCountMax: Int
  /// What schema ids mean; nil where no registry is configured.
  package var schemas: (any SchemaDirectory)?
  /// Where a run before found partitions idle: this one, which follows the same topics, fires their
  /// windows at the same offsets. The simulator compares the two; nothing else sets it.
  package var decidedIdleOffsets: [TopicPartition: [Int64]] = [:]
  /// Where lanes show their rows to whoever looks on; nil where nobody can.
  package var tap: TapHub?
  /// How often the table `devices` is brought up to date at most; nil where it never is.
  package var devicesEveryMillis: Int?
  /// Tests lower them; nothing else does.
  package var progressLimits = ProgressLimits()

  package init(
    pipeline: String, program: String, configFingerprint: String, sources: [SourceOptions],
    start: StartPolicy, onPositionLost: PositionLostPolicy, laneCount: Int,
    commit: CommitOptions, parquet: ParquetWriterOptions, rowGroupRowCountMax: Int
  ) {
    precondition(laneCount > 0, "a pipeline has at least one lane")
    self.pipeline = pipeline
    self.program = program
    self.configFingerprint = configFingerprint
    self.sources = sources
    self.start = start
    self.onPositionLost = onPositionLost
    self.laneCount = laneCount
    self.commit = commit
    self.parquet = parquet
    self.rowGroupRowCountMax = rowGroupRowCountMax
  }
}

/// When commits happen and how much may wait for them.
package struct CommitOptions: Sendable {
  /// A commit is made this often while there is anything to commit.
  package var intervalMillis: Int
  /// Buffered bytes (all lanes) that call for a commit before the interval is over: while catching
  /// up, bytes decide. Lanes stop reading at twice as many.
  package var byteCount: Int
  /// A partition's state snapshot is renewed after this time …
  package var stateIntervalMillis: Int
  /// … or after this many bytes of its input, whichever comes first: what a restart must replay.
  package var stateInputByteCount: Int
  /// Dates (a file each) that call for a commit.
  package var openDateCount: Int
  /// Entries from one summary of the ledger to the next. Not configurable: the simulator makes it
  /// small, so that entries retire under its eyes.
  package var summaryInterval = Ledger.summaryInterval

  package init(
    intervalMillis: Int, byteCount: Int, stateIntervalMillis: Int, stateInputByteCount: Int,
    openDateCount: Int
  ) {
    self.intervalMillis = intervalMillis
    self.byteCount = byteCount
    self.stateIntervalMillis = stateIntervalMillis
    self.stateInputByteCount = stateInputByteCount
    self.openDateCount = openDateCount
  }
}
