/// What a simulated disk does wrong, and how often: a rate `n` strikes one call in `n` on average,
/// 0 strikes none.
package struct DiskFaults: Sendable, Equatable {
  /// Any call fails with `EIO`; a failed write may leave a part of its bytes.
  package var inputOutputErrorOneIn = 0
  /// `sync` of a file or a folder fails with `EIO`. As on Linux the kernel may then have dropped
  /// what a file still had to write: a later sync says success and means nothing.
  package var syncFailureOneIn = 0
  /// A link is made and reported as failed: `EIO`, `ETIMEDOUT`, or `EEXIST` as after a request
  /// that a network file system sent twice.
  package var linkReportFailureOneIn = 0
  /// A call takes 1 ... `slowMillisMax` milliseconds, its effect coming before or after the wait.
  package var slowOneIn = 0
  package var slowMillisMax = 3_000
  /// Bytes that fit. Lowered below what is there, the disk is full until it is raised again.
  package var capacityByteCount = Int64.max
  /// No fault: a call takes a millisecond or two, so that threads meet in ever new orders.
  package var pauseOneIn = 64

  package init() {}
}
