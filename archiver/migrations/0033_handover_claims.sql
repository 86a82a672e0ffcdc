-- Until when somebody hands this transcript over: that of a municipality that moves is waited for.
alter table archiver.handover add column claimed_until timestamptz;
