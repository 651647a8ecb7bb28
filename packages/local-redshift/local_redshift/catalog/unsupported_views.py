"""The system views of Redshift that the local Redshift does not have, by prefix.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/c_intro_STL_tables.html
https://docs.aws.amazon.com/redshift/latest/dg/c_intro_STV_tables.html
https://docs.aws.amazon.com/redshift/latest/dg/svl_views.html
https://docs.aws.amazon.com/redshift/latest/dg/svv_views.html
https://docs.aws.amazon.com/redshift/latest/dg/svcs_views.html
https://docs.aws.amazon.com/redshift/latest/dg/serverless_views-monitoring.html
"""

from __future__ import annotations

_NAMES = {
    "stl": """
        aggr alert_event_log analyze analyze_compression bcast commit_stats connection_log delete
        disk_full_diag dist error explain file_scan hash hashjoin insert limit merge mergejoin mv_state
        nestloop parse plan_info project query_metrics replacements restarted_sessions return s3client
        s3client_error save schema_quota_violations sessions sort sshclient_error stream_segs tr_conflict
        undone unique unload_log usage_control userlog vacuum window wlm_error wlm_query wlm_rule_action
    """,
    "stv": """
        active_cursors blocklist cursor_configuration db_isolation_level exec_state load_state ml_model_info
        mv_deps mv_info node_storage_capacity partitions query_metrics slices startup_recovery_state
        tbl_trans wlm_classification_config wlm_qmr_config wlm_query_queue_state wlm_query_state
        wlm_query_task_state wlm_service_class_config wlm_service_class_state xrestore_alter_queue_state
    """,
    "svl": """
        auto_worker_action compile datashare_change_log datashare_cross_region_usage
        datashare_usage_consumer datashare_usage_producer federated_query multi_statement_violations
        mv_refresh_status qerror query_metrics query_metrics_summary query_queue_info query_report
        query_summary restore_alter_table_progress s3list s3log s3partition s3partition_summary s3query
        s3query_summary s3retries spatial_simplify spectrum_scan_error stored_proc_call stored_proc_messages
        terminate udf_log user_info vacuum_percentage
    """,
    "svv": """
        active_cursors alter_table_recommendations attached_masking_policy column_privileges
        copy_job_integrations database_privileges datashares datashare_consumers datashare_objects
        datashare_privileges default_privileges diskusage external_databases external_partitions
        function_privileges iam_privileges identity_providers integration integration_table_mapping
        integration_table_state interleaved_columns language_privileges masking_policy ml_model_info
        ml_model_privileges mv_dependency mv_info query_inflight query_state redshift_functions
        redshift_schema_quota relation_privileges rls_applied_policy rls_attached_policy rls_policy
        rls_relation roles role_grants schema_privileges schema_quota_state system_privileges user_grants
        user_info vacuum_progress vacuum_summary
    """,
    "svcs": """
        alert_event_log compile concurrency_scaling_usage explain plan_info query_summary s3list s3log
        s3partition_summary s3query_summary stream_segs unload_log
    """,
    "sys": """
        analyze_compression_history analyze_history applied_masking_policy_log automatic_optimization
        auto_table_optimization child_query_text connection_log copy_job copy_job_detail copy_job_info
        copy_replacements datashare_change_log datashare_cross_region_usage datashare_usage_consumer
        datashare_usage_producer external_query_detail external_query_error integration_activity
        integration_table_activity integration_table_state_change load_detail mv_refresh_history mv_state
        procedure_call procedure_messages query_explain restore_log restore_state
        schema_quota_violations serverless_usage session_history spatial_simplify stream_scan_errors
        stream_scan_states transaction_history udf_log unload_detail unload_history userlog vacuum_history
    """,
}
NOT_MODELLED = frozenset(f"{prefix}_{name}" for prefix, names in _NAMES.items() for name in names.split())
