-- When every gateway that was alive had said that it refuses the number: nothing was let in after it.
alter table sharing.stopped_number add column refused_at timestamptz;
