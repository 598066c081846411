extension PipelineStatus {
  /// What a partition makes of duplicates, since this process took it up.
  package struct Duplicates: Sendable, Equatable {
    /// Records left out; those of a replay were counted before.
    package var foundCount: Int64
    /// Records that copies are found by, now.
    package var rememberedCount: Int
    /// Records forgotten for want of room before `within` was over.
    package var forgottenEarlyCount: Int64

    package init(foundCount: Int64, rememberedCount: Int, forgottenEarlyCount: Int64) {
      self.foundCount = foundCount
      self.rememberedCount = rememberedCount
      self.forgottenEarlyCount = forgottenEarlyCount
    }
  }
}
