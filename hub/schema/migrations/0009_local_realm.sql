-- A realm that was removed is anybody's: a worker may have what the hubs hosted before, and they what a worker had.
GRANT UPDATE (local) ON hub.instance TO pek_app;
